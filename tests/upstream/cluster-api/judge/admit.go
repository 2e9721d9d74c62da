package main

import (
	"bytes"
	"encoding/json"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	controlplanev1beta1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta1"
	controlplanev1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/feature"
	"sigs.k8s.io/cluster-api/util/test/builder"
)

func init() {
	if err := feature.MutableGates.Set("ClusterTopology=true"); err != nil {
		panic(err)
	}
}

// A management cluster that knows which contract a control plane's versions keep.
func fakeClient() client.Client {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clusterv1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	crd := builder.GenericControlPlaneCRD.DeepCopy()
	crd.Name = "kubeadmcontrolplanes.controlplane.cluster.x-k8s.io"
	crd.Labels = map[string]string{"cluster.x-k8s.io/v1beta1": "v1beta1", "cluster.x-k8s.io/v1beta2": "v1beta2"}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(crd).
		WithIndex(&clusterv1.Cluster{}, "spec.topology.classRef", func(client.Object) []string { return nil }).Build()
}

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// Decoded into the Go types, converted to what is stored, and admitted.
func admit(kind, version string, data []byte) (any, error) {
	if kind == "kubeadmcontrolplane" {
		hub := &controlplanev1.KubeadmControlPlane{}
		err := strict(data, hub)
		if version == "v1beta1" {
			old := &controlplanev1beta1.KubeadmControlPlane{}
			if err = strict(data, old); err == nil {
				hub = &controlplanev1.KubeadmControlPlane{}
				err = convertControlPlane(old, hub)
			}
		}
		if err != nil {
			return nil, err
		}
		return hub.Spec.KubeadmConfigSpec, createControlPlane(hub)
	}
	hub := &controlplanev1.KubeadmControlPlaneTemplate{}
	err := strict(data, hub)
	if version == "v1beta1" {
		old := &controlplanev1beta1.KubeadmControlPlaneTemplate{}
		if err = strict(data, old); err == nil {
			hub = &controlplanev1.KubeadmControlPlaneTemplate{}
			err = convertControlPlaneTemplate(old, hub)
		}
	}
	if err != nil {
		return nil, err
	}
	return hub.Spec.Template.Spec, createControlPlaneTemplate(hub)
}
