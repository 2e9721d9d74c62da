// Prints the user data that Cluster API makes of `files` of a KubeadmConfig
// v1beta2, given as JSON on standard input, for the first control-plane node.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	"sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/cloudinit"
)

func main() {
	data, err := userData()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(data)
}

func userData() ([]byte, error) {
	var files []bootstrapv1.File
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&files); err != nil {
		return nil, err
	}
	input := &cloudinit.ControlPlaneInput{}
	input.AdditionalFiles = files
	return cloudinit.NewInitControlPlane(input)
}
