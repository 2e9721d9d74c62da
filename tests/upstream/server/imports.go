// Package server is never built. It imports what kube-apiserver's own main package imports, so that
// minors/*.mod list all that building that package takes: a main package cannot be imported.
package server

import (
	_ "k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
)
