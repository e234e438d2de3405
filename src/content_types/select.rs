//! Which profile a session has: by what is known of its client.

/// What is known of a client. All of it is the client's own word, but the host and the server name were checked.
#[derive(Clone, Default)]
pub struct Facts {
    /// The domain that the stream is for, in lower case.
    pub host: String,
    /// The TLS server name (SNI), in lower case.
    pub server_name: Option<String>,
    /// `<software/>` of the SASL2 user agent (XEP-0388, 2.3).
    pub user_agent: Option<String>,
    /// The entity capabilities' node (XEP-0115, 4): a URI that names the software.
    pub node: Option<String>,
    /// The resource that the client asked for (RFC 6120, 7) or its Bind 2 tag (XEP-0386).
    pub resource: Option<String>,
}

/// How a profile is selected: the first case that fits the facts, otherwise the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The position of the profile that holds if no case fits.
    pub default: usize,
}

/// What was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The position of the profile.
    pub profile: usize,
    /// No fact that is still missing could change it.
    pub certain: bool,
}

/// Which facts a selection looks at, besides host and server name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub user_agent: bool,
    pub node: bool,
    pub resource: bool,
}

/// Shows nothing of what a client says.
impl std::fmt::Debug for Facts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Facts(of {})", self.host)
    }
}

impl Selection {
    pub fn needs(&self) -> Needs {
        Needs::default()
    }

    pub fn select(&self, _facts: &Facts) -> Selected {
        Selected { profile: self.default, certain: true }
    }
}
