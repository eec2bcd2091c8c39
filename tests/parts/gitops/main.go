// gitops-check tries what deploy/gitops/ ships with the libraries that Flux, Helm, Argo CD and kubectl themselves use:
// kstatus, CEL, a Lua interpreter and kustomize. Its one argument is the root of the checkout.
//
// The environments it tries them with are the operator's own: golden/statuses.yaml is written from the statuses that the
// operator computes. expected.yaml says what each tool must make of them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"sigs.k8s.io/yaml"
)

// object is any Kubernetes object, as JSON values.
type object = map[string]any

// report collects what was not as expected.
type report struct {
	checks   int
	failures []string
}

func (r *report) equal(what string, got, want any) {
	r.checks++
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		r.failures = append(r.failures, fmt.Sprintf("%s: %s, expected %s", what, g, w))
	}
}

func (r *report) failed(what string, err error) {
	r.checks++
	r.failures = append(r.failures, fmt.Sprintf("%s: %v", what, err))
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gitops-check CHECKOUT")
		os.Exit(2)
	}
	root := os.Args[1]
	var r report
	for _, check := range []func(string, *report) error{health, actions, kustomize} {
		if err := check(root, &r); err != nil {
			fmt.Fprintln(os.Stderr, "gitops-check:", err)
			os.Exit(1)
		}
	}
	for _, failure := range r.failures {
		fmt.Fprintln(os.Stderr, "gitops-check:", failure)
	}
	fmt.Printf("gitops-check: %d passed, %d failed\n", r.checks-len(r.failures), len(r.failures))
	if len(r.failures) > 0 {
		os.Exit(1)
	}
}

// read decodes a YAML file of the checkout.
func read(root, path string, into any) error {
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// keys returns the keys of a map, sorted.
func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for key := range m {
		all = append(all, key)
	}
	sort.Strings(all)
	return all
}
