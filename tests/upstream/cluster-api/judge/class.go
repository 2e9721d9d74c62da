package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	clusterv1beta1 "sigs.k8s.io/cluster-api/api/core/v1beta1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/exp/topology/scope"
)

const quickStartPatch = "podSecurityStandard"

// Each form on the quick-start class, with and without its conditional patch.
func classes(v *verdict, crds crds, docs map[string]object, quickStart []byte) {
	for _, version := range []string{"v1beta1", "v1beta2"} {
		base, templates := load(quickStart, version)
		for _, form := range []string{"append", "create"} {
			suited := form == "append"
			name := "clusterclass." + form + "." + version + ".fragment.yaml"
			fragment := docs[name]
			whole := join(base, fragment)
			for _, fault := range crds.check(inVersion(whole, version)) {
				v.fault("%s: %s", name, fault)
			}
			hub, err := stored(inVersion(whole, version), version)
			if err == nil {
				_, err = classWebhook().ValidateCreate(ctx, hub)
			}
			if err != nil {
				v.fault("%s: %v", name, err)
				continue
			}
			for _, enabled := range []bool{true, false} {
				without, err := apply(base, templates, enabled)
				if err != nil {
					v.fault("the class without the pack: %v", err)
					continue
				}
				with, err := apply(whole, templates, enabled)
				wanted := add(clone(without), docs["kubeadmcontrolplane."+version+".fragment.yaml"])
				what := fmt.Sprintf("%s with %s enabled: %v", name, quickStartPatch, enabled)
				switch {
				case enabled == suited && err != nil:
					v.fault("%s: %v", what, err)
				case enabled == suited:
					for _, difference := range differences("", wanted, with) {
						v.fault("%s: %s", what, difference)
					}
				case err != nil:
					v.WrongForms[what] = "fails"
				default:
					lost := lost("", without, with)
					if len(lost) == 0 {
						v.fault("%s: the wrong form works", what)
					}
					v.WrongForms[what] = "loses " + strings.Join(lost, ", ")
				}
			}
		}
	}
}

// The class v1beta2 and the templates by kind. For v1beta1 the class names its
// control plane's template as v1beta1 did, with flags as a map.
func load(text []byte, version string) (object, map[string]object) {
	var class object
	templates := map[string]object{}
	for _, part := range strings.Split(string(text), "\n---\n") {
		doc := object{}
		if err := yaml.Unmarshal([]byte(part), &doc); err != nil {
			panic(err)
		}
		if doc["kind"] == "ClusterClass" {
			class = doc
		} else if doc["kind"] != nil {
			key := fmt.Sprint(doc["kind"], "/", doc["metadata"].(object)["name"])
			templates[key] = doc
		}
	}
	if version == "v1beta1" {
		old := strings.NewReplacer("controlplane.cluster.x-k8s.io/v1beta2", "controlplane.cluster.x-k8s.io/v1beta1")
		class = fromJSON(old.Replace(string(must(json.Marshal(class)))))
		for key, template := range templates {
			templates[key] = fromJSON(old.Replace(string(must(json.Marshal(template)))))
		}
		maps(class)
		for _, template := range templates {
			if template["kind"] == "KubeadmControlPlaneTemplate" {
				maps(template)
			}
		}
	}
	return class, templates
}

func fromJSON(text string) object {
	doc := object{}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	return doc
}

// Lists of name and value become the maps of v1beta1, wherever they stand.
func maps(value any) {
	switch value := value.(type) {
	case object:
		if path, ok := value["path"].(string); ok && strings.HasSuffix(path, "xtraArgs") {
			value["value"] = asMap(value["value"])
		}
		for key, item := range value {
			if strings.HasSuffix(key, "xtraArgs") {
				value[key] = asMap(item)
			}
			maps(item)
		}
	case []any:
		for _, item := range value {
			maps(item)
		}
	}
}

func asMap(list any) any {
	items, ok := list.([]any)
	if !ok {
		return list
	}
	args := object{}
	for _, item := range items {
		args[item.(object)["name"].(string)] = item.(object)["value"]
	}
	return args
}

func join(class, fragment object) object {
	whole := clone(class)
	spec, ours := whole["spec"].(object), fragment["spec"].(object)
	for _, list := range []string{"variables", "patches"} {
		if items, ok := ours[list].([]any); ok {
			spec[list] = append(spec[list].([]any), items...)
		}
	}
	return whole
}

// The same class as a person writes it for a version: here only what the pack
// touches, since the quick-start class is v1beta2.
func inVersion(class object, version string) object {
	if version == "v1beta2" {
		return class
	}
	spec := class["spec"].(object)
	ref := func(key string) object { return object{"ref": spec[key].(object)["templateRef"]} }
	return object{
		"apiVersion": "cluster.x-k8s.io/v1beta1",
		"kind":       "ClusterClass",
		"metadata":   class["metadata"],
		"spec": object{
			"infrastructure": ref("infrastructure"),
			"controlPlane": object{
				"ref":                   ref("controlPlane")["ref"],
				"machineInfrastructure": object{"ref": spec["controlPlane"].(object)["machineInfrastructure"].(object)["templateRef"]},
			},
			"variables": spec["variables"],
			"patches":   onlyControlPlane(spec["patches"].([]any)),
		},
	}
}

// Without the workers, the patches of workers would match nothing.
func onlyControlPlane(patches []any) (kept []any) {
	for _, patch := range patches {
		if patch.(object)["name"] != "customImage" {
			kept = append(kept, patch)
		}
	}
	return kept
}

func stored(class object, version string) (*clusterv1.ClusterClass, error) {
	data := must(json.Marshal(class))
	hub := &clusterv1.ClusterClass{}
	if version == "v1beta2" {
		return hub, strict(data, hub)
	}
	old := &clusterv1beta1.ClusterClass{}
	if err := strict(data, old); err != nil {
		return nil, err
	}
	return hub, convertClass(old, hub)
}

// The objects that Cluster API's patch engine gives a Cluster of the class.
func apply(classObject object, templates map[string]object, enabled bool) (object, error) {
	class := &clusterv1.ClusterClass{}
	if err := json.Unmarshal(must(json.Marshal(classObject)), class); err != nil {
		return nil, err
	}
	class.Namespace = "default"
	topology := clusterv1.Topology{
		Version:      "v1.35.0",
		ClassRef:     clusterv1.ClusterClassRef{Name: class.Name},
		ControlPlane: clusterv1.ControlPlaneTopology{Replicas: ptr.To[int32](3)},
	}
	for _, variable := range class.Spec.Variables {
		class.Status.Variables = append(class.Status.Variables, clusterv1.ClusterClassStatusVariable{
			Name:        variable.Name,
			Definitions: []clusterv1.ClusterClassStatusVariableDefinition{{From: "inline", Required: variable.Required, Schema: variable.Schema}},
		})
		value := defaults(variable.Schema.OpenAPIV3Schema)
		if variable.Name == quickStartPatch {
			value.(object)["enabled"] = enabled
		}
		topology.Variables = append(topology.Variables,
			clusterv1.ClusterVariable{Name: variable.Name, Value: apiextensionsv1.JSON{Raw: must(json.Marshal(value))}})
	}
	template := func(kind, name string) *unstructured.Unstructured {
		found := &unstructured.Unstructured{Object: clone(templates[kind+"/"+name])}
		found.SetNamespace("default")
		return found
	}
	controlPlane := template("KubeadmControlPlaneTemplate", "quick-start-control-plane")
	machines := template("DevMachineTemplate", "quick-start-control-plane")
	infrastructure := template("DevClusterTemplate", "quick-start-cluster")
	desiredOf := func(template *unstructured.Unstructured) *unstructured.Unstructured {
		spec, _, _ := unstructured.NestedMap(template.Object, "spec", "template", "spec")
		desired := &unstructured.Unstructured{Object: object{"spec": spec}}
		desired.SetGroupVersionKind(template.GroupVersionKind())
		desired.SetKind(strings.TrimSuffix(template.GetKind(), "Template"))
		desired.SetName("quick-start")
		desired.SetNamespace("default")
		return desired
	}
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "quick-start", Namespace: "default"}, Spec: clusterv1.ClusterSpec{Topology: topology}}
	cluster.SetGroupVersionKind(clusterv1.GroupVersion.WithKind("Cluster"))
	blueprint := &scope.ClusterBlueprint{
		Topology:                      topology,
		ClusterClass:                  class,
		InfrastructureClusterTemplate: infrastructure,
		ControlPlane:                  &scope.ControlPlaneBlueprint{Template: controlPlane, InfrastructureMachineTemplate: machines},
	}
	desired := desiredOf(controlPlane)
	desired.Object["spec"].(object)["version"] = "v1.35.0"
	desired.Object["spec"].(object)["replicas"] = int64(3)
	state := &scope.ClusterState{
		Cluster:               cluster,
		InfrastructureCluster: desiredOf(infrastructure),
		ControlPlane:          &scope.ControlPlaneState{Object: desired, InfrastructureMachineTemplate: machines.DeepCopy()},
	}
	if err := newEngine(fakeClient(), nil).Apply(ctx, blueprint, state); err != nil {
		return nil, err
	}
	return fromJSON(string(must(json.Marshal(object{
		"controlPlane":          state.ControlPlane.Object.Object,
		"machines":              state.ControlPlane.InfrastructureMachineTemplate.Object,
		"infrastructureCluster": state.InfrastructureCluster.Object,
	})))), nil
}

// What the topology controller fills in of a variable.
func defaults(schema clusterv1.JSONSchemaProps) any {
	if schema.Default != nil {
		var value any
		if err := json.Unmarshal(schema.Default.Raw, &value); err != nil {
			panic(err)
		}
		return value
	}
	value := object{}
	for name, property := range schema.Properties {
		value[name] = defaults(property)
	}
	return value
}

// What the class produced without the pack, and the pack's items after it.
func add(objects, fragment object) object {
	ours := fragment["spec"].(object)["kubeadmConfigSpec"].(object)
	put := func(into, from object, list string) {
		switch items := from[list].(type) {
		case []any:
			there, _ := into[list].([]any)
			into[list] = append(there, items...)
		case object:
			there, _ := into[list].(object)
			if there == nil {
				there = object{}
			}
			for key, value := range items {
				there[key] = value
			}
			into[list] = there
		}
	}
	spec := objects["controlPlane"].(object)["spec"].(object)["kubeadmConfigSpec"].(object)
	server := spec["clusterConfiguration"].(object)["apiServer"].(object)
	fragmentServer := ours["clusterConfiguration"].(object)["apiServer"].(object)
	put(server, fragmentServer, "extraArgs")
	put(server, fragmentServer, "extraVolumes")
	put(spec, ours, "files")
	return objects
}

// Every place where two values differ, item by item.
func differences(at string, wanted, got any) (found []string) {
	if reflect.DeepEqual(wanted, got) {
		return nil
	}
	switch wanted := wanted.(type) {
	case object:
		if got, ok := got.(object); ok {
			for _, key := range sortedKeys(wanted) {
				found = append(found, differences(at+"/"+key, wanted[key], got[key])...)
			}
			for _, key := range sortedKeys(got) {
				if _, ok := wanted[key]; !ok {
					found = append(found, fmt.Sprintf("%s/%s is not expected", at, key))
				}
			}
			return found
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(wanted) {
			for i := range wanted {
				found = append(found, differences(fmt.Sprintf("%s/%d", at, i), wanted[i], got[i])...)
			}
			return found
		}
	}
	return []string{fmt.Sprintf("%s: wanted %s, got %s", at, must(json.Marshal(wanted)), must(json.Marshal(got)))}
}

// What is in the one and no more in the other.
func lost(at string, before, after any) (found []string) {
	switch before := before.(type) {
	case object:
		after, _ := after.(object)
		for _, key := range sortedKeys(before) {
			found = append(found, lost(at+"/"+key, before[key], after[key])...)
		}
	case []any:
		after, _ := after.([]any)
		for i, item := range before {
			there := false
			for _, other := range after {
				there = there || reflect.DeepEqual(item, other)
			}
			if !there {
				found = append(found, fmt.Sprintf("%s/%d", at, i))
			}
		}
	default:
		if !reflect.DeepEqual(before, after) {
			found = append(found, at)
		}
	}
	return found
}

func sortedKeys(value object) []string {
	keys := make([]string, 0, len(value))
	for key := range value {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
