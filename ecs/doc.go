// Package ecs maps incident events and model alerts to documents of the Elastic
// Common Schema, version [Version]. It needs nothing but the SDK.
//
//	for change, err := range client.AIAnalyst.Watch(ctx, store, opts) {
//		if err != nil {
//			return err
//		}
//		doc := ecs.FromChange(&change, ecs.Options{BaseURL: baseURL})
//		index(doc.ID, doc) // the document's _id: an update replaces what it updates
//	}
//
// An event keeps its [Document.ID] when it merges into another incident, gets a new
// score or is acknowledged. Index by it, and a change is an update, not a second
// document.
//
// # Incident events
//
// The first column is the field on the wire.
//
//	createdAt            @timestamp; without it the last or first time of periods
//	id                   event.id, and the document's id
//	title                event.reason
//	summary              message; the title if there is no summary
//	summariser           rule.name, with rule.ruleset "AI Analyst"
//	aiaScore             event.risk_score, event.risk_score_norm
//	category             event.severity: informational 1, compliance 2, suspicious 3, critical 4
//	periods              event.start, event.end, event.duration (nanoseconds): the first start, the last end
//	incidentEventUrl     event.url; without it a link made from Options.BaseURL
//	mitreTactics         threat.framework, threat.tactic.id, .name, .reference
//	breachDevices        host.id, .name, .hostname, .ip, .mac of the first device that is not an account
//	breachDevices        user.name, user.email of the first account of a SaaS service
//	sender               email.from.address
//	devices, hosts and   related.ip, related.hosts, related.user: from breachDevices,
//	  users anywhere       summary and details
//
// event.kind is "alert", event.category "intrusion_detection" (and "email" for
// e-mail events), event.type "info", event.module "darktrace", event.dataset
// "darktrace.ai_analyst". observer.* is the appliance. [FromChange] adds
// event.action ("new" or "updated") and darktrace.ai_analyst.change: the key of the
// change and the fields that have changed, before and after.
//
// The rest is below darktrace.ai_analyst, under its name on the wire in snake
// case: see [AIAnalyst]. So are fields that ECS has in part only: category and
// group_category as text, periods one by one, all devices, related breaches and
// details.
//
// # Model alerts
//
//	pbid                 event.id, and the document's id: after the host of the appliance, as
//	                       another appliance has the same numbers
//	creationTime         @timestamp; without it time
//	time                 event.start
//	model.name           event.reason, rule.name, with rule.ruleset "Models"; rule.category is its first folder
//	model.description    message, rule.description
//	model.pid, .uuid     rule.id, rule.uuid
//	model.version        rule.version
//	model.category       event.severity as above; compliance comes first, without a category the priority decides
//	percentscore         event.risk_score, event.risk_score_norm; without it score * 100
//	model.mitre          threat.tactic.id, .name, .reference; threat.technique.id, .reference,
//	mitreTechniques        .subtechnique.id, .name, .reference; names if the alert has them
//	device               host.*, or user.* for an account of a SaaS service; related.*
//	triggeredComponents  related.ip, related.hosts: addresses and host names that filters saw
//	breachUrl            event.url; without it a link made from Options.BaseURL
//
// [FromBreachChange] adds event.action and darktrace.model_breach.change, as FromChange
// does. The id of the document stays the same, so an update replaces what it updates.
//
// The model is the version that alerted or, if the alert does not have it, the current
// one. event.dataset is "darktrace.model_breach". The rest is below
// darktrace.model_breach: see [ModelBreach].
//
// # Addresses
//
// Fields of type ip hold valid addresses only, so that Elasticsearch never refuses a
// document. An anonymised address ("192.0.2.#28445") or a range ("192.0.2.0/24") is in
// masked_ip below darktrace, and in the masked_ip of its device. Zones of
// IPv6 addresses are dropped. Hardware addresses are in the form of RFC 7042.
//
// # What is lost
//
//   - The types of the values of details: values are readable text, so that a field has
//     one type in all documents. The group of a detail remains, as a number.
//   - The templates of a summary in block form, explanations and figures, and
//     unknown fields (Extra): they can have any shape, and each new one would be a
//     field in the index.
//   - Times outside the years 1 to 9999, which Elasticsearch refuses.
//   - MITRE tactics without an id have a name only.
//   - Scores outside 0 to 100 become 0 or 100.
//   - Of models: their logic, actions, defeats and history. Of devices: custom fields
//     and former addresses, which are in related.ip only.
//
// event.original has the whole incident event, unchanged, if the list option KeepRaw
// kept it.
package ecs
