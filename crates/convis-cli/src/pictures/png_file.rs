//! PNG files that are either complete or absent.

use std::io::{self, Write};
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::PicturesError;

/// The folder `path` lies in, `.` for a bare name; an error when it does not exist.
fn folder_of(path: &Path) -> Result<&Path, PicturesError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(PicturesError::MissingFolder { path: path.to_path_buf(), folder: folder.to_path_buf() })
    }
}

/// Fails early, before anything is drawn, when the folder of `path` does not exist.
pub(super) fn check_folder(path: &Path) -> Result<(), PicturesError> {
    folder_of(path).map(|_| ())
}

/// Writes 8-bit RGB pixels as a PNG: first under a temporary name in the same folder, then renamed.
///
/// # Errors
/// [`PicturesError::MissingFolder`] and [`PicturesError::Write`]; nothing is left behind in either case.
pub(super) fn write_rgb(path: &Path, rgb: &[u8], width: u32, height: u32) -> Result<(), PicturesError> {
    let folder = folder_of(path)?;
    let mut encoded = Vec::new();
    // Figures hold few different colours and much white: they compress best unfiltered.
    PngEncoder::new_with_quality(&mut encoded, CompressionType::Default, FilterType::NoFilter)
        .write_image(rgb, width, height, ExtendedColorType::Rgb8)
        .map_err(PicturesError::drawing)?;
    store(path, folder, &encoded).map_err(|source| PicturesError::write(path, source))
}

/// Temporary file, contents, rename.
fn store(path: &Path, folder: &Path, contents: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".convis-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default; a picture is an ordinary file (the umask still applies).
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(contents)?;
    file.persist(path).map_err(|refused| refused.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folder_is_named_and_nothing_appears() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("absent").join("picture.png");
        let error = write_rgb(&target, &[0; 3], 1, 1).unwrap_err();
        assert!(matches!(error, PicturesError::MissingFolder { .. }));
        let message = error.to_string();
        assert!(message.contains("absent") && message.contains("picture.png"), "{message}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn refused_rename_leaves_no_temporary_file() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("taken.png");
        std::fs::create_dir(&target).unwrap();
        let error = write_rgb(&target, &[0; 3], 1, 1).unwrap_err();
        assert!(matches!(&error, PicturesError::Write { path, .. } if *path == target));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("two.png");
        write_rgb(&target, &[1, 2, 3, 250, 251, 252], 2, 1).unwrap();
        let back = image::open(&target).unwrap().to_rgb8();
        assert_eq!(back.dimensions(), (2, 1));
        assert_eq!(back.into_raw(), [1, 2, 3, 250, 251, 252]);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
