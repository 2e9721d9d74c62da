// Says what Cluster API makes of a pack's cluster-api/ folder:
//
//	judge CRDS-ROOT QUICK-START-CLASS CLUSTER-API-FOLDER
//
// CRDS-ROOT is the tree of the Cluster API module that this is built against.
// The answer is JSON: the documents' sha256, and what was found wrong.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

type verdict struct {
	Documents map[string]string `json:"documents"`
	// What Cluster API refused, changed or lost.
	Faults []string `json:"faults"`
	// The wrong forms of the class's patch, and what becomes of each.
	WrongForms map[string]string `json:"wrongForms"`
}

func (v *verdict) fault(format string, args ...any) {
	v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
}

var ctx = context.Background()

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: judge CRDS-ROOT QUICK-START-CLASS CLUSTER-API-FOLDER")
		os.Exit(2)
	}
	v := &verdict{Documents: map[string]string{}, Faults: []string{}, WrongForms: map[string]string{}}
	docs := map[string]object{}
	paths, _ := filepath.Glob(filepath.Join(os.Args[3], "*.fragment.yaml"))
	sort.Strings(paths)
	if len(paths) == 0 {
		fmt.Fprintln(os.Stderr, "no documents in", os.Args[3])
		os.Exit(2)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		text := must(os.ReadFile(path))
		sum := sha256.Sum256(text)
		v.Documents[name] = hex.EncodeToString(sum[:])
		doc := object{}
		if err := yaml.UnmarshalStrict(text, &doc); err != nil {
			v.fault("%s: %v", name, err)
		}
		docs[name] = doc
	}
	crds := loadCRDs(os.Args[1])
	controlPlanes(v, crds, docs)
	classes(v, crds, docs, must(os.ReadFile(os.Args[2])))
	out := must(json.MarshalIndent(v, "", "  "))
	fmt.Println(string(out))
	if len(v.Faults) > 0 {
		os.Exit(1)
	}
}

// Each fragment, completed to a whole object, goes through the CRD, the Go
// types, the webhooks; and both versions must be one stored object.
func controlPlanes(v *verdict, crds crds, docs map[string]object) {
	for _, kind := range []string{"kubeadmcontrolplane", "kubeadmcontrolplanetemplate"} {
		hubs := map[string]any{}
		for _, version := range []string{"v1beta1", "v1beta2"} {
			name := kind + "." + version + ".fragment.yaml"
			doc := clone(docs[name])
			if kind == "kubeadmcontrolplane" {
				completeControlPlane(doc, version)
			}
			for _, fault := range crds.check(doc) {
				v.fault("%s: %s", name, fault)
			}
			hub, err := admit(kind, version, must(json.Marshal(doc)))
			if err != nil {
				v.fault("%s: %v", name, err)
			}
			hubs[version] = hub
		}
		if !reflect.DeepEqual(hubs["v1beta1"], hubs["v1beta2"]) {
			v.fault("%s: v1beta1 and v1beta2 are stored as two objects:\n%s\n%s", kind,
				must(json.Marshal(hubs["v1beta1"])), must(json.Marshal(hubs["v1beta2"])))
		}
	}
}

// What every KubeadmControlPlane needs beside the fragment.
func completeControlPlane(doc object, version string) {
	spec := doc["spec"].(object)
	spec["replicas"] = int64(3)
	spec["version"] = "v1.35.0"
	ref := object{"kind": "DevMachineTemplate", "name": "machines"}
	if version == "v1beta1" {
		ref["apiVersion"] = "infrastructure.cluster.x-k8s.io/v1beta2"
		spec["machineTemplate"] = object{"infrastructureRef": ref}
	} else {
		ref["apiGroup"] = "infrastructure.cluster.x-k8s.io"
		spec["machineTemplate"] = object{"spec": object{"infrastructureRef": ref}}
	}
}

func clone(doc object) object {
	copied := object{}
	if err := json.Unmarshal(must(json.Marshal(doc)), &copied); err != nil {
		panic(err)
	}
	return copied
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}
