//! Argon2id password hashes in memory that is allocated once.
//!
//! If every hash allocated its own memory, the allocator of the C library would keep most of it: after 140 users
//! had registered and signed in, the process held 232 MiB, nearly the default memory limit of a pod (256 MiB).

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Memory for one new hash, in KiB. Memory, passes and lanes are the minimum values of OWASP's Password Storage Cheat
/// Sheet (2025). Higher values would be stronger, but every replica would need more memory.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Maximum memory for verifying a stored hash, in KiB. Hashes that need more are not verified, because one of them could
/// use up the memory of the pod.
const MAX_MEMORY_KIB: u32 = 64 * 1024;

/// Version of the algorithm for new hashes.
const VERSION: Version = Version::V0x13;

/// Working memory of the algorithm, of 19 MiB, which the first hash allocates. Use one value for all hashes.
#[derive(Debug, Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// Runs `work` with memory for `params`. Returns memory beyond that of a new hash afterwards.
    fn with<T>(&mut self, params: &Params, work: impl FnOnce(&mut [Block]) -> T) -> T {
        self.0.resize(params.block_count(), Block::default());
        let done = work(&mut self.0);
        if params.m_cost() > MEMORY_KIB {
            self.0 = Vec::new();
        }
        done
    }
}

/// Hashes a password with a random salt. Returns the hash in the PHC string format; `None` if the library for Argon2
/// fails.
pub(super) fn hash(password: &str, memory: &mut Memory) -> Option<String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    let salt = Salt::generate();
    let output = compute(password, &salt, VERSION, &params, memory)?;
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(VERSION.into()),
        params: ParamsString::try_from(&params).ok()?,
        salt: Some(salt),
        hash: Some(output),
    };
    Some(hash.to_string())
}

/// Returns true if the password matches the hash, which must be one that [`parse`] returned.
pub(super) fn verify(password: &str, hash: &PasswordHash, memory: &mut Memory) -> bool {
    let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
    let (Ok(version), Ok(params), Some(salt), Some(expected)) =
        (version, Params::try_from(hash), hash.salt, hash.hash)
    else {
        return false;
    };
    // Outputs are compared in constant time.
    compute(password, &salt, version, &params, memory).is_some_and(|output| output == expected)
}

fn compute(
    password: &str,
    salt: &Salt,
    version: Version,
    params: &Params,
    memory: &mut Memory,
) -> Option<Output> {
    let argon2 = Argon2::new(Algorithm::Argon2id, version, params.clone());
    let mut buffer = [0_u8; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let output = buffer.get_mut(..length)?;
    memory
        .with(params, |blocks| {
            argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, blocks)
        })
        .ok()?;
    Output::new(output).ok()
}

/// Parses a stored hash. Returns `None` if it is not a complete Argon2id hash, or if verifying it needs more than
/// 64 MiB.
pub(super) fn parse(stored: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(stored).ok()?;
    let complete =
        hash.algorithm == argon2::ARGON2ID_IDENT && hash.salt.is_some() && hash.hash.is_some();
    let small = Params::try_from(&hash).is_ok_and(|params| params.m_cost() <= MAX_MEMORY_KIB);
    (complete && small).then_some(hash)
}

/// Returns true if the hash is at least as strong as a new one.
pub(super) fn is_enough(hash: &PasswordHash) -> bool {
    hash.version == Some(VERSION.into())
        && Params::try_from(hash).is_ok_and(|params| {
            params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES && params.p_cost() >= LANES
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_hashes_use_the_same_memory() {
        let mut memory = Memory::default();
        let stored = hash("correct horse battery", &mut memory).unwrap();
        let place = memory.0.as_ptr();
        for _ in 0..3 {
            let parsed = parse(&stored).unwrap();
            assert!(verify("correct horse battery", &parsed, &mut memory));
            assert!(!verify("correct horse batterz", &parsed, &mut memory));
            assert_ne!(hash("correct horse battery", &mut memory).unwrap(), stored);
            assert_eq!(memory.0.as_ptr(), place);
        }
        assert_eq!(memory.0.len() * Block::SIZE, 19 * 1024 * 1024);
    }

    #[test]
    fn the_library_agrees_and_a_larger_hash_leaves_no_memory_behind() {
        use argon2::password_hash::{CustomizedPasswordHasher, PasswordVerifier};
        let mut memory = Memory::default();
        let ours = hash("correct horse battery", &mut memory).unwrap();
        let library = Argon2::default();
        library
            .verify_password(b"correct horse battery", ours.as_str())
            .unwrap();
        let params = Params::new(MAX_MEMORY_KIB, 1, 1, Some(16)).unwrap();
        let larger: PasswordHash = library
            .hash_password_customized(
                b"correct horse",
                b"0123456789abcdef",
                None,
                Some(0x10),
                params,
            )
            .unwrap();
        let parsed = parse(&larger.to_string()).unwrap();
        assert!(verify("correct horse", &parsed, &mut memory));
        assert_eq!(memory.0.capacity(), 0);
    }

    #[test]
    fn a_hash_that_needs_too_much_memory_is_not_verified() {
        let stored = hash("correct horse battery", &mut Memory::default()).unwrap();
        assert!(parse(&stored.replace("m=19456", "m=65536")).is_some());
        assert_eq!(parse(&stored.replace("m=19456", "m=65537")), None);
    }
}
