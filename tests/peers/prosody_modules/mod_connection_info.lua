-- Lends Debian's mod_sasl2 what this Prosody's connections lack: ssl_info(), which says what TLS agreed on.
-- It must run before mod_sasl2 looks at the connection, hence the high priority.

module:hook("stream-features", function(event)
	local connection = getmetatable(event.origin.conn).__index;
	connection.ssl_info = connection.ssl_info or function(self)
		return self.conn:info();
	end;
end, 1000);
