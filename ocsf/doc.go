// Package ocsf maps incident events and model alerts to Detection Findings (class
// 2004) of the Open Cybersecurity Schema Framework, version [Version]. It needs
// nothing but the SDK.
//
//	for change, err := range client.AIAnalyst.Watch(ctx, store, opts) {
//		if err != nil {
//			return err
//		}
//		send(ocsf.FromChange(&change, ocsf.Options{BaseURL: baseURL}))
//	}
//
// A finding is identified by finding_info.uid, the id of the event, which never changes.
// Later changes are Updates of the same finding: [FromChange].
//
// # Incident events
//
// The first column is the field on the wire.
//
//	id                   finding_info.uid, metadata.uid
//	title                finding_info.title
//	summary              message, finding_info.desc
//	summariser           finding_info.analytic.name (Learning), finding_info.types
//	createdAt            time, finding_info.created_time; without it the last or first time of periods
//	periods              start_time, end_time, duration; finding_info.first_seen_time, .last_seen_time
//	category             severity_id: informational 1 Informational, compliance 2 Low, suspicious 3 Medium,
//	                       critical 5 Critical; another 99 Other with its text, none 0 Unknown
//	acknowledged         status_id: false 1 New, true 2 In Progress or Options.Acknowledged
//	aiaScore             risk_score, without its fraction
//	currentGroup         metadata.correlation_uid
//	mitreTactics         finding_info.attacks[].tactic
//	relatedBreaches      finding_info.related_events, with their count
//	incidentEventUrl     finding_info.src_url; without it a link made from Options.BaseURL
//	breachDevices        resources[]; device: the first that is not an account
//	sender               evidences[].email.from
//	details              evidences[].data, one for each group of details
//	devices, hosts and   evidences[].device, .dst_endpoint, .user: from summary and details; each once
//	  users anywhere
//	addresses, names     observables[]: hostname 1, IP address 2, MAC address 3, user name 4, e-mail address 5,
//	                       URL 6; each once, with where it stands in the finding
//
// activity_id is 1 Create, and 2 Update for a change of an event that was delivered
// before. [FromChange] sets metadata.uid to the key of the change, and
// unmapped.ai_analyst.changes to the fields that have changed. is_alert is true.
// metadata.product is Darktrace, and its feature is AI Analyst.
//
// An acknowledged event is In Progress and not Suppressed: OCSF suppresses benign
// findings, and an acknowledged event may be malicious. If your team acknowledges events
// to close them, set Options.Acknowledged to [StatusResolved] or [StatusSuppressed].
//
// The correlation_uid belongs to metadata: finding_info has none in OCSF 1.5.
//
// # Model alerts
//
//	pbid                 finding_info.uid, metadata.uid: after the host of the appliance, as another
//	                       appliance has the same numbers; related_events of an event use it
//	creationTime         time, finding_info.created_time; without it time
//	time                 start_time, finding_info.first_seen_time
//	model.name           finding_info.title, .analytic.name (Rule); its folders are finding_info.types
//	model.uuid, .version finding_info.analytic.uid, .version
//	model.description    message, finding_info.desc, .analytic.desc
//	model.category       severity_id as above; compliance comes first, without a category the priority decides
//	percentscore         risk_score, without its fraction; without it score * 100
//	acknowledged         status_id as above; left out if the appliance did not send it
//	model.mitre          finding_info.attacks[].tactic, .technique, .sub_technique
//	mitreTechniques      the same, with their names
//	device               device, with its type as far as OCSF has it; resources[]
//	device.credentials   evidences[].user
//	triggeredComponents  evidences[].data.component; observables for the addresses and host names in it
//	aianalystData        finding_info.related_events
//	breachUrl            finding_info.src_url; without it a link made from Options.BaseURL
//
// [FromBreachChange] sets activity_id, metadata.uid and unmapped.model_breach.changes, as
// FromChange does for events.
//
// The model is the version that alerted or, if the alert does not have it, the current
// one. The rest is in unmapped: see [ModelBreach].
//
// # What is inferred
//
// An event does not say which end of a connection a host is. External hosts are the
// dst_endpoint of events about devices. In events about accounts of SaaS services they
// are the src_endpoint, because somebody signed in from there.
//
// # What is lost
//
//   - Invalid addresses, such as anonymised ones ("192.0.2.#28445") and ranges: fields
//     of type ip_t hold valid addresses only. They are in masked_ip of unmapped. Zones
//     of IPv6 addresses are dropped. Malformed hardware addresses and host names are
//     left out.
//   - The types of the values of details: values are readable text.
//   - The fraction of aiaScore, which is in aia_score of unmapped.
//   - The type of a device: events do not have it, so type_id is 0 Unknown.
//   - Scores outside 0 to 100 become 0 or 100.
//   - Of models: their logic, actions, defeats and history. Of devices: custom fields,
//     former addresses and the operating system.
//   - The templates of a summary in block form, explanations and figures, and
//     unknown fields (Extra).
//   - MITRE tactics without an id have a name only.
//
// Everything else that OCSF has no field for is in unmapped: see [AIAnalyst]. raw_data
// has the whole incident event, unchanged, if the list option KeepRaw kept it.
package ocsf
