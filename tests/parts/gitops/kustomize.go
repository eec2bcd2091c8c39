package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomize builds the overlay beside this file, which uses the shipped component and schema, and looks at what
// kustomize made of the environment.
func kustomize(root string, r *report) error {
	overlay := filepath.Join(root, "tests/parts/gitops/kustomize/overlay")
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		return fmt.Errorf("building %s: %w", overlay, err)
	}
	names := map[string]string{}
	var environment, worker object
	for _, resource := range built.Resources() {
		name, _, _ := strings.Cut(resource.GetName(), "-")
		names[resource.GetKind()+" "+name] = resource.GetName()
		var into *object
		switch resource.GetKind() {
		case "CrokodialEnvironment":
			into = &environment
		case "Deployment":
			into = &worker
		default:
			continue
		}
		text, err := resource.MarshalJSON()
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	first := func(fields ...string) any {
		list, _, _ := unstructured.NestedSlice(environment, fields...)
		if len(list) == 0 {
			return nil
		}
		return list[0].(object)["name"]
	}
	image, _, _ := unstructured.NestedString(environment, "spec", "image")
	r.equal("images", image, "registry.example.com/app:2.0.0")
	for kind, found := range map[string]any{
		"ConfigMap settings": first("spec", "config", "configMapRefs"),
		"Secret app":         first("spec", "config", "secretRefs"),
		"Secret regcred":     first("spec", "imagePullSecrets"),
	} {
		r.equal("reference to "+kind, found, names[kind])
		r.equal(kind+" has a hash", strings.Contains(names[kind], "-"), true)
	}
	uri, _, _ := unstructured.NestedString(environment, "spec", "mongo", "uriSecretRef", "name")
	r.equal("reference to Secret mongo", uri, names["Secret mongo"])
	variables, _, _ := unstructured.NestedSlice(environment, "spec", "config", "env")
	values := object{}
	for _, variable := range variables {
		values[variable.(object)["name"].(string)] = variable.(object)["value"]
	}
	r.equal("a patch of config.env", values, object{"LEVEL": "debug", "REGION": "eu", "TEAM": "shop"})
	containers, _, _ := unstructured.NestedSlice(worker, "spec", "template", "spec", "containers")
	r.equal("containers of a patched Deployment", len(containers), 2)
	return nil
}
