{{- define "codeact.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- /* Labels that choose the pods of a component; they never change. Takes a list: the root, the component. */}}
{{- define "codeact.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "codeact.labels" -}}
{{- $root := index . 0 -}}
{{ include "codeact.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- /* What the standard `restricted` wants of a pod. Takes the number of its user. */}}
{{- define "codeact.pod.security" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "codeact.container.security" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "codeact.placement" -}}
{{- $placed := dict }}
{{- with .nodeSelector }}{{ $_ := set $placed "nodeSelector" . }}{{ end }}
{{- with .tolerations }}{{ $_ := set $placed "tolerations" . }}{{ end }}
{{- with $placed }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "codeact.pullSecrets" -}}
{{- with . -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "codeact.baseUrl" -}}
{{- if .Values.serve.baseUrl }}{{ .Values.serve.baseUrl }}{{ else if .Values.vllm.enabled }}http://{{ include "codeact.name" . }}-vllm:8000/v1{{ end }}
{{- end }}

{{- /* The options of `codeact serve`, one an element. */}}
{{- define "codeact.arguments" -}}
{{- $sessions := .Values.sessions -}}
- serve
- --host=0.0.0.0
- --port=8321
- --reach=$(POD_IP)
- {{ eq .Values.serve.tls "elsewhere" | ternary "--tls-elsewhere" "--insecure-public" }}
- --no-login-link
{{- range .Values.serve.hosts }}
- {{ printf "--allow-host=%s" . | quote }}
{{- end }}
{{- range .Values.serve.models }}
- {{ printf "--model=%s" . | quote }}
{{- end }}
{{- if and .Values.vllm.enabled (not .Values.serve.models) }}
- {{ printf "--model=openai:%s" (required "vllm.servedName: the name of the model for chats" .Values.vllm.servedName) | quote }}
{{- end }}
{{- with include "codeact.baseUrl" . }}
- {{ printf "--base-url=%s" . | quote }}
{{- end }}
- --sandbox=kubernetes
- --require=container
- {{ printf "--sandbox-option=namespace=%s" $sessions.namespace | quote }}
- {{ printf "--sandbox-option=image=%s" (required "sessions.image: the image of a session, as docs/kubernetes.md builds it" $sessions.image) | quote }}
- {{ printf "--sandbox-option=ttl=%d" (int $sessions.ttl) | quote }}
- {{ printf "--sandbox-option=cpus=%v" $sessions.cpus | quote }}
{{- with $sessions.runtimeClass }}
- {{ printf "--sandbox-option=runtime_class=%s" . | quote }}
{{- end }}
{{- with $sessions.pullSecrets }}
- {{ printf "--sandbox-option=pull_secrets=%s" (toJson .) | quote }}
{{- end }}
{{- range $name, $value := .Values.serve.limits }}
- {{ printf "--limit=%s=%s" $name $value | quote }}
{{- end }}
{{- range $name, $value := .Values.serve.quotas }}
- {{ printf "--quota=%s=%s" $name $value | quote }}
{{- end }}
- {{ printf "--idle=%d" (int .Values.serve.idle) | quote }}
- {{ printf "--drain=%d" (int .Values.serve.drain) | quote }}
- --json
{{- range .Values.serve.arguments }}
- {{ . | quote }}
{{- end }}
{{- end }}
