use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;

const ISSUER: &str = "https://provider.example";
const AUDIENCE: &str = "gatekeeper.example";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Valid from 1,000 to 2,000.
fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: Audience::One(AUDIENCE.to_owned()),
        sub: "ann@provider.example".to_owned(),
        exp: 2000,
        nbf: 1000,
        iat: 1000,
        jti: "1".to_owned(),
        cnf: None,
    }
}

fn keys(key: &SigningKey) -> JwkSet {
    JwkSet { keys: vec![key.public().clone()] }
}

const EXPECTED: Expected<'static> = Expected { issuer: ISSUER, audience: AUDIENCE };

#[test]
fn what_either_algorithm_signs_is_verified_with_its_public_key() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = key.sign(&claims()).unwrap();
        assert_eq!(verify(&token, &keys(&key), EXPECTED, at(1500)), Ok(claims()), "{algorithm:?}");
        let written = serde_json::to_string(&keys(&key)).unwrap();
        let read: JwkSet = serde_json::from_str(&written).unwrap();
        assert_eq!(verify(&token, &read, EXPECTED, at(1500)), Ok(claims()), "{written}");
    }
}

#[test]
fn a_token_is_valid_in_its_time_and_half_a_minute_around_it() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = key.sign(&claims()).unwrap();
    let at = |seconds| verify(&token, &keys(&key), EXPECTED, at(seconds)).map(drop);
    assert_eq!(at(969), Err(TokenError::NotYetValid));
    assert_eq!(at(970), Ok(()));
    assert_eq!(at(2029), Ok(()));
    assert_eq!(at(2030), Err(TokenError::Expired));
}

#[test]
fn another_issuer_audience_or_key_is_refused() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let verify_changed = |change: fn(&mut Claims), keys: &JwkSet| {
        let mut claims = claims();
        change(&mut claims);
        verify(&key.sign(&claims).unwrap(), keys, EXPECTED, at(1500)).map(drop)
    };
    let published = keys(&key);
    assert_eq!(verify_changed(|claims| claims.iss.push('x'), &published), Err(TokenError::Issuer));
    let other = |claims: &mut Claims| claims.aud = Audience::One("elsewhere.example".to_owned());
    assert_eq!(verify_changed(other, &published), Err(TokenError::Audience));
    let several =
        |claims: &mut Claims| claims.aud = Audience::Several(vec!["x".to_owned(), AUDIENCE.to_owned()]);
    assert_eq!(verify_changed(several, &published), Ok(()));
    let another = keys(&SigningKey::generate(Algorithm::Es256).unwrap());
    assert_eq!(verify_changed(|_| (), &another), Err(TokenError::UnknownKey));
    let mut forged = another.clone();
    forged.keys[0].common.key_id = Some(key.id().to_owned());
    assert_eq!(verify_changed(|_| (), &forged), Err(TokenError::Signature));
}

#[test]
fn only_the_two_algorithms_are_taken() {
    let header = jsonwebtoken::Header { kid: Some("k".to_owned()), ..jsonwebtoken::Header::default() };
    let secret = jsonwebtoken::EncodingKey::from_secret(b"secret");
    let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    assert_eq!(verify(&token, &keys(&key), EXPECTED, at(1500)), Err(TokenError::Algorithm));
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
    let refused = verify(&unsigned, &keys(&key), EXPECTED, at(1500)).unwrap_err();
    assert!(matches!(refused, TokenError::Algorithm | TokenError::Malformed), "{refused:?}");
}

#[test]
fn what_is_no_token_is_malformed() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let long = format!("{}.a.b", "a".repeat(LONGEST));
    for text in ["", ".", "..", "a.b.c", "\u{0}", long.as_str()] {
        assert_eq!(verify(text, &keys(&key), EXPECTED, at(1500)), Err(TokenError::Malformed), "{text:.20}");
    }
    let token = key.sign(&serde_json::json!({ "iss": ISSUER })).unwrap();
    assert_eq!(verify(&token, &keys(&key), EXPECTED, at(1500)), Err(TokenError::Malformed));
}

#[test]
fn times_that_no_clock_reaches_are_times_too() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let most = i64::MAX.unsigned_abs();
    for seconds in [most - 29, most - 10, most, most + 1, u64::MAX] {
        let verified =
            |claims: Claims| verify(&key.sign(&claims).unwrap(), &keys(&key), EXPECTED, at(1500)).map(drop);
        assert_eq!(verified(Claims { exp: seconds, ..claims() }), Err(TokenError::Times), "{seconds}");
        for early in [Claims { nbf: seconds, ..claims() }, Claims { iat: seconds, ..claims() }] {
            assert_eq!(verified(early), Err(TokenError::NotYetValid), "{seconds}");
        }
    }
}

#[test]
fn times_that_contradict_each_other_or_are_far_apart_are_refused() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let verified =
        |claims: Claims| verify(&key.sign(&claims).unwrap(), &keys(&key), EXPECTED, at(1500)).map(drop);
    let longest = 30 * 24 * 60 * 60;
    for (iat, nbf, exp, expected) in [
        (1530, 1530, 1530, Ok(())),
        (1531, 1500, 2000, Err(TokenError::NotYetValid)),
        (1500, 1500, 1499, Err(TokenError::Times)),
        (1000, 1500, 1499, Err(TokenError::Times)),
        (1500, 1000, 1499, Err(TokenError::Times)),
        (1000, 1000, 1000 + longest, Ok(())),
        (1000, 1001, 1001 + longest, Err(TokenError::Times)),
        (1001, 1000, 1001 + longest, Err(TokenError::Times)),
    ] {
        assert_eq!(verified(Claims { iat, nbf, exp, ..claims() }), expected, "{iat} {nbf} {exp}");
    }
}

#[test]
fn a_token_of_another_type_or_with_what_has_to_be_understood_is_refused() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let verified = |change: &dyn Fn(&mut jsonwebtoken::Header)| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.kid = Some(key.id().to_owned());
        change(&mut header);
        verify(&key.sign_with(&header, &claims()).unwrap(), &keys(&key), EXPECTED, at(1500)).map(drop)
    };
    for typ in [None, Some("JWT"), Some("jwt"), Some("at+jwt")] {
        assert_eq!(verified(&|header| header.typ = typ.map(str::to_owned)), Ok(()), "{typ:?}");
    }
    for typ in ["", "enlistment-proof+jwt", "secevent+jwt"] {
        let refused = verified(&|header| header.typ = Some(typ.to_owned()));
        assert_eq!(refused, Err(TokenError::Malformed), "{typ}");
    }
    for critical in [vec![], vec!["exp".to_owned()], vec!["something".to_owned()]] {
        let refused = verified(&|header| header.crit = Some(critical.clone()));
        assert_eq!(refused, Err(TokenError::Malformed), "{critical:?}");
    }
}

const TOKEN: &str = "a.b.c";

fn proof() -> Proof {
    Proof { aud: AUDIENCE.to_owned(), challenge: "c".to_owned(), ath: token_hash(TOKEN) }
}

#[test]
fn a_proof_is_of_the_key_that_it_carries_and_of_no_other() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let signed = prove(&key, &proof()).unwrap();
        let verify = |proof: &str| verify_proof(proof, TOKEN, key.id(), AUDIENCE);
        assert_eq!(verify(&signed), Ok("c".to_owned()));
        assert_eq!(verify_proof(&signed, TOKEN, key.id(), "elsewhere.example"), Err(ProofError::Audience));
        assert_eq!(verify_proof(&signed, TOKEN, "another", AUDIENCE), Err(ProofError::OtherKey));
        assert_eq!(verify_proof(&signed, "a.b.d", key.id(), AUDIENCE), Err(ProofError::OtherToken));
        let (head, signature) = signed.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
        assert!(verify(&forged).is_err());
        // Only what was signed as a proof is one.
        assert_eq!(verify(&key.sign(&proof()).unwrap()), Err(ProofError::Malformed));
    }
}

#[test]
fn a_proof_that_tells_a_private_key_or_has_to_be_understood_is_refused() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let verified = |member: Option<&str>, critical: Option<Vec<String>>| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        header.typ = Some("enlistment-proof+jwt".to_owned());
        header.crit = critical;
        let mut shown = serde_json::to_value(key.public()).unwrap();
        if let Some(member) = member {
            shown[member] = serde_json::json!("c2VjcmV0");
        }
        header.extras.insert("jwk", shown);
        verify_proof(&key.sign_with(&header, &proof()).unwrap(), TOKEN, key.id(), AUDIENCE)
    };
    assert_eq!(verified(Some("other"), None), Ok("c".to_owned()));
    assert_eq!(verified(Some("d"), None), Err(ProofError::Malformed));
    assert_eq!(verified(None, Some(vec!["exp".to_owned()])), Err(ProofError::Malformed));
}

#[test]
fn a_key_that_was_written_is_the_same_when_it_is_read() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let read = SigningKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!((read.algorithm(), read.id()), (algorithm, key.id()));
        let token = read.sign(&claims()).unwrap();
        assert_eq!(verify(&token, &keys(&key), EXPECTED, at(1500)), Ok(claims()));
    }
    let other = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for text in ["", "x", other] {
        assert_eq!(SigningKey::from_pem(text).err(), Some(KeyError::Unreadable));
    }
}
