// Command judge prints the kubeadm configuration that kind writes into a control-plane node:
//
//	judge CLUSTER.yaml v1.36.2
//
// It runs kind's own code: its reader of the cluster configuration, its kubeadm templates and its
// patches, in the order of pkg/cluster/internal/create/actions/config. Those packages are internal,
// so `build` compiles this file inside a copy of kind.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kind/pkg/cluster/internal/kubeadm"
	"sigs.k8s.io/kind/pkg/internal/apis/config/encoding"
	"sigs.k8s.io/kind/pkg/internal/patch"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: judge CLUSTER.yaml VERSION"))
	}
	cluster, err := encoding.Load(os.Args[1])
	if err != nil {
		fail(err)
	}
	if cluster.Name == "" {
		cluster.Name = "kind" // as `kind create cluster` does without --name
	}
	if err := cluster.Validate(); err != nil {
		fail(err)
	}
	text, err := kubeadm.Config(kubeadm.ConfigData{
		ClusterName:          cluster.Name,
		KubernetesVersion:    os.Args[2],
		ControlPlaneEndpoint: "kind-control-plane:6443",
		APIBindPort:          6443,
		APIServerAddress:     "127.0.0.1",
		NodeProvider:         "docker",
		ControlPlane:         true,
		NodeAddress:          "172.18.0.2",
		NodeName:             "kind-control-plane",
		Token:                kubeadm.Token,
		KubeProxyMode:        string(cluster.Networking.KubeProxyMode),
		PodSubnet:            cluster.Networking.PodSubnet,
		ServiceSubnet:        cluster.Networking.ServiceSubnet,
		IPFamily:             cluster.Networking.IPFamily,
	})
	if err != nil {
		fail(err)
	}
	text, err = patch.KubeYAML(text, cluster.KubeadmConfigPatches, cluster.KubeadmConfigPatchesJSON6902)
	if err != nil {
		fail(err)
	}
	node := cluster.Nodes[0]
	text, err = patch.KubeYAML(text, node.KubeadmConfigPatches, node.KubeadmConfigPatchesJSON6902)
	if err != nil {
		fail(err)
	}
	fmt.Print(text)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "judge:", err)
	os.Exit(1)
}
