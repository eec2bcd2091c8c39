package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	statuses = "operator/src/environment/tables/golden/statuses.yaml"
	expected = "tests/parts/gitops/expected.yaml"
	crd      = "crds/manifests/crokodialenvironments.yaml"
	flux     = "deploy/gitops/flux/environments.yaml"
)

// verdict is what three tools make of one environment.
type verdict struct {
	Kstatus string `json:"kstatus"`
	Flux    string `json:"flux"`
	Argo    string `json:"argo"`
}

// expressions are the health checks of a Flux Kustomization for one kind.
type expressions struct {
	Kind       string `json:"kind"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// health compares what kstatus, the CEL expressions and the Lua script say of each environment with expected.yaml.
func health(root string, r *report) error {
	var found map[string]object
	if err := read(root, statuses, &found); err != nil {
		return err
	}
	var want map[string]verdict
	if err := read(root, expected, &want); err != nil {
		return err
	}
	initial, err := initialStatus(root)
	if err != nil {
		return err
	}
	found["new"] = initial
	checks, err := fluxChecks(root)
	if err != nil {
		return err
	}
	customizations, err := argo(root)
	if err != nil {
		return err
	}
	lua := customizations["resource.customizations.health.crokodial.com_CrokodialEnvironment"]
	r.equal("names in "+expected, keys(want), keys(found))
	for _, name := range keys(found) {
		environment := object{
			"apiVersion": "crokodial.com/v1alpha1", "kind": "CrokodialEnvironment",
			"metadata": object{"name": "shop", "namespace": "apps", "generation": int64(5)},
			"status":   integers(found[name]),
		}
		r.equal(name+" by kstatus", kstatus(environment), want[name].Kstatus)
		for _, check := range checks {
			r.equal(name+" by Flux", check.evaluate(environment), want[name].Flux)
		}
		answer, err := runLua(environment, lua)
		if err != nil {
			r.failed(name+" by Argo CD", err)
			continue
		}
		r.equal(name+" by Argo CD", answer["status"], want[name].Argo)
	}
	return nil
}

// initialStatus returns the status that the API server gives to a new environment: the default in the CRD.
func initialStatus(root string) (object, error) {
	var definition object
	if err := read(root, crd, &definition); err != nil {
		return nil, err
	}
	versions, _, err := unstructured.NestedSlice(definition, "spec", "versions")
	if err != nil || len(versions) != 1 {
		return nil, fmt.Errorf("%s: %d versions, %v", crd, len(versions), err)
	}
	status, ok, err := unstructured.NestedMap(versions[0].(object),
		"schema", "openAPIV3Schema", "properties", "status", "default")
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: the status has no default: %v", crd, err)
	}
	return status, nil
}

func kstatus(environment object) string {
	result, err := status.Compute(&unstructured.Unstructured{Object: environment})
	if err != nil {
		return err.Error()
	}
	return string(result.Status)
}

// fluxChecks reads the health checks of every Kustomization in the shipped file.
func fluxChecks(root string) ([]expressions, error) {
	text, err := os.ReadFile(filepath.Join(root, flux))
	if err != nil {
		return nil, err
	}
	var all []expressions
	for number, document := range bytes.Split(text, []byte("\n---\n")) {
		var kustomization struct {
			Spec struct {
				HealthCheckExprs []expressions `json:"healthCheckExprs"`
			} `json:"spec"`
		}
		if err := yaml.UnmarshalStrict(document, &object{}); err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", flux, number+1, err)
		}
		if err := yaml.Unmarshal(document, &kustomization); err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", flux, number+1, err)
		}
		if len(kustomization.Spec.HealthCheckExprs) != 1 {
			return nil, fmt.Errorf("%s, document %d has no health check", flux, number+1)
		}
		all = append(all, kustomization.Spec.HealthCheckExprs...)
	}
	return all, nil
}

// evaluate follows the rules of Flux: another observed generation is InProgress; then the first of inProgress, failed
// and current that is true decides; else it is InProgress.
func (e expressions) evaluate(environment object) string {
	observed, found, _ := unstructured.NestedInt64(environment, "status", "observedGeneration")
	generation, _, _ := unstructured.NestedInt64(environment, "metadata", "generation")
	if found && observed != generation {
		return string(status.InProgressStatus)
	}
	for _, step := range []struct {
		expression string
		status     status.Status
	}{
		{e.InProgress, status.InProgressStatus},
		{e.Failed, status.FailedStatus},
		{e.Current, status.CurrentStatus},
	} {
		met, err := evaluate(step.expression, environment)
		if err != nil {
			return err.Error()
		}
		if met {
			return string(step.status)
		}
	}
	return string(status.InProgressStatus)
}

// evaluate runs a CEL expression in the environment that Flux gives it.
func evaluate(expression string, data object) (bool, error) {
	env, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
		ext.Strings(), ext.Sets(), ext.Encoders())
	if err != nil {
		return false, err
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	program, err := env.Program(parsed)
	if err != nil {
		return false, err
	}
	value, _, err := program.Eval(data)
	if err != nil {
		return false, err
	}
	met, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%q is no condition", expression)
	}
	return met, nil
}

// integers decodes numbers as clients of Kubernetes do: whole ones as int64.
func integers(value object) object {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	wrapped := unstructured.Unstructured{}
	if err := wrapped.UnmarshalJSON(append(append([]byte(`{"apiVersion":"v1","kind":"X","status":`), text...), '}')); err != nil {
		panic(err)
	}
	return wrapped.Object["status"].(object)
}
