//go:build ignore

package main

import (
	controlplanev1beta1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta1"
	controlplanev1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	clusterv1beta1 "sigs.k8s.io/cluster-api/api/core/v1beta1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	cpwebhooks "sigs.k8s.io/cluster-api/controlplane/kubeadm/internal/webhooks"
	"sigs.k8s.io/cluster-api/internal/controllers/topology/cluster/patches"
	"sigs.k8s.io/cluster-api/internal/webhooks"
)

var newEngine = patches.NewEngine

func classWebhook() *webhooks.ClusterClass { return &webhooks.ClusterClass{Client: fakeClient()} }

func convertControlPlane(src *controlplanev1beta1.KubeadmControlPlane, dst *controlplanev1.KubeadmControlPlane) error {
	return src.ConvertTo(dst)
}

func convertControlPlaneTemplate(src *controlplanev1beta1.KubeadmControlPlaneTemplate, dst *controlplanev1.KubeadmControlPlaneTemplate) error {
	return src.ConvertTo(dst)
}

func convertClass(src *clusterv1beta1.ClusterClass, dst *clusterv1.ClusterClass) error {
	return src.ConvertTo(dst)
}

func createControlPlane(hub *controlplanev1.KubeadmControlPlane) error {
	webhook := &cpwebhooks.KubeadmControlPlane{}
	if err := webhook.Default(ctx, hub); err != nil {
		return err
	}
	_, err := webhook.ValidateCreate(ctx, hub)
	return err
}

func createControlPlaneTemplate(hub *controlplanev1.KubeadmControlPlaneTemplate) error {
	_, err := (&cpwebhooks.KubeadmControlPlaneTemplate{}).ValidateCreate(ctx, hub)
	return err
}
