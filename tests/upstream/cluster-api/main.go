// Prints what a node boots with that Cluster API makes of `files` of a
// KubeadmConfig v1beta2, given as JSON on standard input, for the first
// control-plane node:
//
//	user-data cloud-config   the user data, for cloud-init
//	user-data ignition       the files of the Ignition config, as JSON: contents in base64, and modes, by path
package main

import (
	"encoding/json"
	"fmt"
	"os"

	ignitionconfig "github.com/flatcar/ignition/config/v2_3"
	"github.com/vincent-petithory/dataurl"

	bootstrapv1 "sigs.k8s.io/cluster-api/api/bootstrap/kubeadm/v1beta2"
	"sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/cloudinit"
	"sigs.k8s.io/cluster-api/bootstrap/kubeadm/pkg/ignition"
)

func main() {
	formats := map[string]func(*cloudinit.ControlPlaneInput) ([]byte, error){
		"cloud-config": cloudinit.NewInitControlPlane,
		"ignition":     ignitionFiles,
	}
	if len(os.Args) != 2 || formats[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: user-data cloud-config|ignition <FILES")
		os.Exit(2)
	}
	data, err := userData(formats[os.Args[1]])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(data)
}

func userData(format func(*cloudinit.ControlPlaneInput) ([]byte, error)) ([]byte, error) {
	var files []bootstrapv1.File
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&files); err != nil {
		return nil, err
	}
	input := &cloudinit.ControlPlaneInput{}
	input.AdditionalFiles = files
	return format(input)
}

type file struct {
	Content []byte `json:"content"`
	Mode    int    `json:"mode"`
}

// Parsed as a node does it: Ignition's own config reader, and the data URLs by the library that it takes.
func ignitionFiles(input *cloudinit.ControlPlaneInput) ([]byte, error) {
	data, warnings, err := ignition.NewInitControlPlane(&ignition.ControlPlaneInput{ControlPlaneInput: input})
	if err != nil {
		return nil, err
	}
	if warnings != "" {
		fmt.Fprintln(os.Stderr, warnings)
	}
	config, report, err := ignitionconfig.Parse(data)
	if err != nil || report.IsFatal() {
		return nil, fmt.Errorf("%v: %s", err, report.String())
	}
	files := map[string]file{}
	for _, item := range config.Storage.Files {
		content, err := dataurl.DecodeString(item.Contents.Source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", item.Path, err)
		}
		made := file{Content: content.Data}
		if item.Mode != nil {
			made.Mode = *item.Mode
		}
		files[item.Path] = made
	}
	return json.Marshal(files)
}
