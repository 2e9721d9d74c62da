package main

import (
	controlplanev1beta1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta1"
	controlplanev1 "sigs.k8s.io/cluster-api/api/controlplane/kubeadm/v1beta2"
	clusterv1beta1 "sigs.k8s.io/cluster-api/api/core/v1beta1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	cpadmission "sigs.k8s.io/cluster-api/controlplane/kubeadm/webhooks/admission"
	cpconversion "sigs.k8s.io/cluster-api/controlplane/kubeadm/webhooks/conversion"
	"sigs.k8s.io/cluster-api/core/reconcilers/topology/cluster/patches"
	coreadmission "sigs.k8s.io/cluster-api/core/webhooks/admission"
	coreconversion "sigs.k8s.io/cluster-api/core/webhooks/conversion"
)

var newEngine = patches.NewEngine

func classWebhook() *coreadmission.ClusterClass {
	return &coreadmission.ClusterClass{Client: fakeClient()}
}

func convertControlPlane(src *controlplanev1beta1.KubeadmControlPlane, dst *controlplanev1.KubeadmControlPlane) error {
	return cpconversion.ConvertKubeadmControlPlaneV1Beta1ToHub(ctx, src, dst)
}

func convertControlPlaneTemplate(src *controlplanev1beta1.KubeadmControlPlaneTemplate, dst *controlplanev1.KubeadmControlPlaneTemplate) error {
	return cpconversion.ConvertKubeadmControlPlaneTemplateV1Beta1ToHub(ctx, src, dst)
}

func convertClass(src *clusterv1beta1.ClusterClass, dst *clusterv1.ClusterClass) error {
	return coreconversion.ConvertClusterClassV1Beta1ToHub(ctx, src, dst)
}

func createControlPlane(hub *controlplanev1.KubeadmControlPlane) error {
	webhook := &cpadmission.KubeadmControlPlane{}
	if err := webhook.Default(ctx, hub); err != nil {
		return err
	}
	_, err := webhook.ValidateCreate(ctx, hub)
	return err
}

func createControlPlaneTemplate(hub *controlplanev1.KubeadmControlPlaneTemplate) error {
	_, err := (&cpadmission.KubeadmControlPlaneTemplate{}).ValidateCreate(ctx, hub)
	return err
}
