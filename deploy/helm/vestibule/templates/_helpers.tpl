{{- define "vestibule.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "vestibule.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vestibule.labels" -}}
{{ include "vestibule.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* The audit log is a chain that a replica goes on with, so it is one with a volume of its own. */ -}}
{{- define "vestibule.kind" -}}
{{ ternary "StatefulSet" "Deployment" .Values.auditLog.enabled }}
{{- end }}

{{- /* The configuration as it stands in the file: what the values say, and what the chart knows itself. */ -}}
{{- define "vestibule.configuration" -}}
{{- $configuration := deepCopy .Values.configuration }}
{{- $_ := set $configuration "admin" (dict "address" (printf "%s:%d" .Values.admin.address (int .Values.admin.port))) }}
{{- if .Values.auditLog.enabled }}
{{- $_ := set $configuration "audit_log" (dict "folder" "/var/log/vestibule/audit" "retention" .Values.auditLog.retention) }}
{{- end }}
{{- if .Values.ticketKeys.secretName }}
{{- $keys := list }}
{{- range .Values.ticketKeys.keys }}{{- $keys = append $keys (printf "../tickets/%s" .) }}{{- end }}
{{- $_ := set $configuration "tickets" (dict "keys" $keys) }}
{{- end }}
{{- toYaml $configuration }}
{{- end }}

{{- /* All policies by their paths: the shipped ones, and those of the values. */ -}}
{{- define "vestibule.policies" -}}
{{- $policies := dict }}
{{- range $path, $_ := .Files.Glob "files/policies/**.yaml" }}
{{- $_ := set $policies (trimPrefix "files/policies/" $path) ($.Files.Get $path) }}
{{- end }}
{{- toYaml (merge (deepCopy .Values.policies) $policies) }}
{{- end }}

{{- define "vestibule.secretName" -}}
{{- default (printf "%s-%s" (include "vestibule.fullname" .root) .certificate.name) .certificate.secretName }}
{{- end }}

{{- /* The listeners' ports. One for IPv4 and one for IPv6 may have the same. */ -}}
{{- define "vestibule.ports" -}}
{{- $ports := list }}
{{- range .Values.configuration.listeners }}{{- $ports = append $ports (include "vestibule.port" .address) }}{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{- /* The port at the end of an address. */ -}}
{{- define "vestibule.port" -}}
{{ regexFind "[0-9]+$" . }}
{{- end }}
