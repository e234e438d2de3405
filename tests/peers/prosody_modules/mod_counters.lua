-- Answers a client's question for the counters of its stream management: the stanzas of this session that were handled,
-- the question among them, and those that were sent, without the answer.

local st = require "util.stanza";

module:hook("iq-get/self/urn:x-vestibule:test:counters:counters", function(event)
	local session, queue = event.origin, event.origin.outgoing_stanza_queue;
	session.send(st.reply(event.stanza):tag("counters", {
		xmlns = "urn:x-vestibule:test:counters";
		handled = tostring(session.handled_stanza_count);
		sent = tostring(queue:count_acked() + queue:count_unacked());
	}));
	return true;
end);
