{{- define "otp.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* 54 characters leave room for the suffixes of the other objects. */}}
{{- define "otp.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else if contains (include "otp.name" .) .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "otp.name" .) | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "otp.selectorLabels" -}}
app.kubernetes.io/name: {{ include "otp.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The labels of the pods of the service; the pod of `helm test` has another component. */}}
{{- define "otp.podSelectorLabels" -}}
{{ include "otp.selectorLabels" . }}
app.kubernetes.io/component: service
{{- end }}

{{- define "otp.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "otp.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "otp.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "otp.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "otp.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "otp.secretName" -}}
{{- if .Values.secrets.externalSecret.enabled -}}
{{ include "otp.fullname" . }}
{{- else -}}
{{ required "secrets.existingSecret: name the Secret with the secret settings" .Values.secrets.existingSecret }}
{{- end }}
{{- end }}
