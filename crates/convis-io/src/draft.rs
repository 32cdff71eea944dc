//! A file that appears under its name only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// The folder that holds `path`; the current one for a bare file name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file being written under a temporary name beside its target. [`commit`](Draft::commit) renames it;
/// dropping removes it.
pub(crate) struct Draft {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl Draft {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let path = resolve(path)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".unfinished-");
        // Temporary files are private by default; this one becomes an ordinary file, so the umask decides.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        match builder.tempfile_in(folder_of(&path)) {
            Ok(file) => Ok(Self { file: BufWriter::with_capacity(1 << 16, file), path }),
            Err(reason) => Err(Error::write(&path, reason)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error of a failed write to this file.
    pub(crate) fn failed(&self, reason: io::Error) -> Error {
        Error::write(&self.path, reason)
    }

    pub(crate) fn commit(self) -> Result<()> {
        let Self { file, path } = self;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)
            // Some file systems report a full disk only here, and only here is it early enough to say so.
            .and_then(|file| file.as_file().sync_all().map(|()| file))
            .and_then(|file| file.persist(&path).map_err(|failure| failure.error))
            .map(|_: File| ())
            .map_err(|reason| Error::write(&path, reason))
    }
}

/// Follows links, so that the file a link points to is replaced and not the link, and refuses what is no
/// regular file: renaming over a device would destroy it.
fn resolve(path: &Path) -> Result<PathBuf> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            fs::canonicalize(path).map_err(|reason| Error::write(path, reason))
        }
        Ok(_) => Err(Error::malformed(
            path,
            "a file name to write to",
            "a folder or a device of that name",
            "choose another name",
        )),
        Err(_) => Ok(path.to_owned()),
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Draft {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_seen_before_commit_and_nothing_is_left_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();

        let mut draft = Draft::create(&path).unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);

        let mut draft = Draft::create(&path).unwrap();
        draft.write_all(b"new").unwrap();
        draft.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results").join("a.txt");
        let message = Draft::create(&path).err().unwrap().to_string();
        assert!(message.contains("results does not exist: create it first"), "{message}");
    }

    #[test]
    fn a_folder_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let message = Draft::create(folder.path()).err().unwrap().to_string();
        assert!(message.contains("choose another name"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut draft = Draft::create(&link).unwrap();
        draft.write_all(b"new").unwrap();
        draft.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
    }
}
