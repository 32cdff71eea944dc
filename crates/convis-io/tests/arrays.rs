//! Arrays survive the way to disk and back; damaged files give an error and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use convis_io::{
    Array, ArrayData, NpyWriter, NpzWriter, OpenOptions, open, read_npy, read_npz, write_npy, write_npz,
};
use proptest::prelude::*;

fn data(count: usize) -> impl Strategy<Value = ArrayData> {
    use prop::collection::vec;
    prop_oneof![
        vec(any::<bool>(), count).prop_map(ArrayData::from),
        vec(any::<u8>(), count).prop_map(ArrayData::from),
        vec(any::<u16>(), count).prop_map(ArrayData::from),
        vec(any::<u32>(), count).prop_map(ArrayData::from),
        vec(any::<u64>(), count).prop_map(ArrayData::from),
        vec(any::<i8>(), count).prop_map(ArrayData::from),
        vec(any::<i16>(), count).prop_map(ArrayData::from),
        vec(any::<i32>(), count).prop_map(ArrayData::from),
        vec(any::<i64>(), count).prop_map(ArrayData::from),
        vec(any::<f32>(), count).prop_map(ArrayData::from),
        vec(any::<f64>(), count).prop_map(ArrayData::from),
        // Numpy pads text with zeros, so text that ends with one cannot be told from shorter text.
        vec("[a-zα-ω☃]{0,5}", count).prop_map(ArrayData::from),
    ]
}

fn array() -> impl Strategy<Value = Array> {
    prop::collection::vec(0_usize..5, 0..4).prop_flat_map(|shape| {
        let count = shape.iter().product();
        data(count).prop_map(move |data| Array::new(shape.clone(), data).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arrays_are_read_back_as_written(arrays in prop::collection::vec(array(), 0..4)) {
        let folder = tempfile::tempdir().unwrap();
        let named: Vec<(String, Array)> =
            arrays.into_iter().enumerate().map(|(i, array)| (format!("array {i}"), array)).collect();
        let path = folder.path().join("a.npz");
        write_npz(&path, &named).unwrap();
        let back = read_npz(&path).unwrap();
        prop_assert_eq!(back.len(), named.len());
        for (name, array) in &named {
            prop_assert_eq!(&back[name], array);
            let path = folder.path().join("a.npy");
            write_npy(&path, array).unwrap();
            prop_assert_eq!(&read_npy(&path).unwrap(), array);
        }
    }

    #[test]
    fn streamed_and_whole_arrays_are_the_same_bytes(
        values in prop::collection::vec(any::<f32>(), 0..40),
        cuts in prop::collection::vec(0_usize..40, 0..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (streamed, whole) = (folder.path().join("s.npy"), folder.path().join("w.npy"));
        let frames = values.len() / 4;
        let values = &values[..frames * 4];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(frames)).chain([0, frames]).collect();
        cuts.sort_unstable();
        let mut writer = NpyWriter::<f32>::create(&streamed, &[2, 2]).unwrap();
        for cut in cuts.windows(2) {
            writer.append(&values[cut[0] * 4..cut[1] * 4]).unwrap();
        }
        writer.finish().unwrap();
        write_npy(&whole, &Array::new([frames, 2, 2], values.to_vec()).unwrap()).unwrap();
        // All of numpy's own readers take both; the room for the length may differ.
        prop_assert_eq!(format!("{:?}", read_npy(&streamed).unwrap()), format!("{:?}", read_npy(&whole).unwrap()));
    }

    #[test]
    fn noise_after_the_magic_number_is_an_error(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise.npy");
        fs::write(&path, [b"\x93NUMPY\x01\x00", noise.as_slice()].concat()).unwrap();
        prop_assert!(read_npy(&path).is_err());
        prop_assert!(open(path.to_str().unwrap(), &OpenOptions::default()).is_err());
    }
}

/// Everything a user can do with a damaged file fails with a message that names it.
fn assert_refused(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let whole =
        if path.extension() == Some("npy".as_ref()) { read_npy(path).err() } else { read_npz(path).err() };
    let message = whole.expect("whole read").to_string();
    assert!(message.contains(name), "{message}");
    let mut frame = vec![0.0; 6];
    let streamed = open(path.to_str().unwrap(), &OpenOptions::default()).and_then(|mut movie| {
        while movie.next_frame(&mut frame)? {}
        Ok(())
    });
    let message = streamed.expect_err("streamed read").to_string();
    assert!(message.contains(name), "{message}");
}

fn movie() -> Array {
    Array::new([4, 2, 3], (0..24_u8).map(f32::from).collect::<Vec<_>>()).unwrap()
}

#[test]
fn files_cut_short_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("movie.npy");
    write_npy(&path, &movie()).unwrap();
    let bytes = fs::read(&path).unwrap();
    (0..bytes.len()).for_each(|length| assert_refused(&path, &bytes[..length]));

    let path = folder.path().join("movie.npz");
    write_npz(&path, &[("movie", movie())]).unwrap();
    let bytes = fs::read(&path).unwrap();
    (0..bytes.len()).for_each(|length| assert_refused(&path, &bytes[..length]));
}

#[test]
fn archives_with_one_changed_byte_are_refused_or_still_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("movie.npz");
    write_npz(&path, &[("movie", movie())]).unwrap();
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        fs::write(&path, &changed).unwrap();
        if let Ok(arrays) = read_npz(&path) {
            // Dates, versions and names carry no checksum; numbers do.
            assert!(arrays.values().all(|array| *array == movie()), "byte {at}");
        }
    }
}

#[test]
fn headers_that_promise_too_much_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.npy");
    for (kind, shape) in [
        ("<f4", "(4611686018427387904, 2, 3)"),
        ("<f4", "(18446744073709551615,)"),
        ("<f8", "(1000000000000, 2, 3)"),
        ("<U0", "(1000000000000000,)"),
        ("<U4611686018427387904", "(2,)"),
        ("|S9999999999999", "(3,)"),
        ("|O", "(3, 2, 3)"),
        ("<f2", "(3, 2, 3)"),
        ("<c16", "(3, 2, 3)"),
    ] {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&[0; 64]);
        assert_refused(&path, &bytes);
    }
}

#[test]
fn an_unfinished_archive_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.npz");
    fs::write(&path, "old").unwrap();
    let mut writer = NpzWriter::create(&path).unwrap();
    let rate = writer.array::<f32>("rate", &[2]).unwrap();
    writer.append(rate, &vec![1.0; 20_000]).unwrap();
    drop(writer);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn the_archive_writer_refuses_what_it_cannot_keep() {
    let folder = tempfile::tempdir().unwrap();
    let message = NpzWriter::create(folder.path().join("no/such.npz")).err().unwrap().to_string();
    assert!(message.contains("does not exist: create it first"), "{message}");

    let mut writer = NpzWriter::create(folder.path().join("a.npz")).unwrap();
    let rate = writer.array::<f32>("rate", &[2, 3]).unwrap();
    let message = writer.append(rate, &[0.0; 5]).unwrap_err().to_string();
    assert!(message.contains("rate: expected whole frames of 6 values, found 5"), "{message}");
    assert!(writer.array::<u8>("rate", &[]).is_err());
    assert!(writer.array::<u8>("", &[]).is_err());
    assert!(writer.array::<u8>("empty", &[2, 0]).is_err());

    let mut other = NpzWriter::create(folder.path().join("b.npz")).unwrap();
    assert!(other.append(rate, &[0.0; 6]).is_err());
    other.array::<u8>("bytes", &[]).unwrap();
    assert!(other.append(rate, &[0.0; 6]).is_err());
}

#[test]
fn numpy_and_this_crate_read_each_other() {
    let python = std::env::var("CONVIS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run =
        |folder: &Path, script: &str| Command::new(&python).current_dir(folder).args(["-c", script]).output();
    let folder = tempfile::tempdir().unwrap();
    if !run(folder.path(), "import numpy").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} with numpy was not found; set CONVIS_PYTHON");
        return;
    }
    let path = folder.path().join("ours.npz");
    let mut writer = NpzWriter::create(&path).unwrap();
    let rate = writer.array::<f32>("rate", &[2, 3]).unwrap();
    let spikes = writer.array::<bool>("spikes", &[2]).unwrap();
    let unit = writer.array::<u32>("unit", &[]).unwrap();
    for frame in 0..1000_u16 {
        writer.append(rate, &[f32::from(frame); 6]).unwrap();
        writer.append(spikes, &[frame % 2 == 0, true]).unwrap();
        writer.append(unit, &[frame.into()]).unwrap();
    }
    writer.put("text", &Array::new([2], vec!["αβγ".to_owned(), String::new()]).unwrap()).unwrap();
    writer.put("scalar", &Array::scalar(2.5_f64)).unwrap();
    writer.finish().unwrap();
    let script = "
import numpy as np
z = np.load('ours.npz')
assert z['rate'].shape == (1000, 2, 3) and z['rate'].dtype == np.float32
assert (z['rate'] == np.arange(1000)[:, None, None]).all()
assert z['spikes'].dtype == bool and z['spikes'][:, 0].sum() == 500 and z['spikes'][:, 1].all()
assert z['unit'].dtype == np.uint32 and (z['unit'] == np.arange(1000)).all()
assert list(z['text']) == ['αβγ', ''] and z['scalar'] == 2.5 and z['scalar'].shape == ()
a = np.arange(24, dtype='f8').reshape(4, 2, 3)
np.savez('stored.npz', a=a, big=a.astype('>i4'), fortran=np.asfortranarray(a), text=np.array('αβ'), s=np.array([b'xy']))
np.savez_compressed('deflated.npz', text=np.array(['a', 'bc']), mask=a > 3, a=a.astype('u1'))
np.save('fortran.npy', np.asfortranarray(a))
np.save('big.npy', a.astype('>f4')[None, None])
np.save('half.npy', a.astype('f2'))
";
    let output = run(folder.path(), script).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let counted: Vec<f64> = (0..24_u8).map(f64::from).collect();
    let stored = read_npz(folder.path().join("stored.npz")).unwrap();
    for name in ["a", "big", "fortran"] {
        assert_eq!(stored[name].shape(), [4, 2, 3]);
        assert_eq!(stored[name].to_f64().unwrap(), counted, "{name}");
    }
    assert_eq!(stored["text"].text().unwrap(), "αβ");
    assert_eq!(stored["s"].text().unwrap(), "xy");
    let deflated = read_npz(folder.path().join("deflated.npz")).unwrap();
    assert_eq!(deflated["mask"].to_f64().unwrap().iter().sum::<f64>(), 20.0);
    assert_eq!(deflated["text"].data(), &ArrayData::Text(vec!["a".into(), "bc".into()]));

    // The same movies as frames; of the archives the first array with three axes is taken.
    for (input, scale) in [
        ("stored.npz", 1.0),
        ("stored.npz:fortran", 1.0),
        ("fortran.npy", 1.0),
        ("big.npy", 1.0),
        ("deflated.npz:a", 255.0),
    ] {
        let mut movie = open(folder.path().join(input).to_str().unwrap(), &OpenOptions::default()).unwrap();
        assert_eq!((movie.height(), movie.width(), movie.length_hint()), (2, 3, Some(4)), "{input}");
        let (mut frame, mut all) = (vec![0.0; 6], Vec::new());
        while movie.next_frame(&mut frame).unwrap() {
            all.extend(frame.iter().map(|&value| (f64::from(value) * scale * 1e4).round() / 1e4));
        }
        assert_eq!(all, counted, "{input}");
    }
    for (input, part) in [
        ("stored.npz:big", "type int32"),
        ("stored.npz:b", "an array 'b'"),
        ("stored.npz:text", "the shape []"),
        ("half.npy", "astype('float32')"),
    ] {
        let message =
            open(folder.path().join(input).to_str().unwrap(), &OpenOptions::default()).err().unwrap();
        assert!(message.to_string().contains(part), "{message}");
    }
    // A deflated archive with one bit changed in its numbers.
    let path = folder.path().join("deflated.npz");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(read_npz(&path).is_err());
}

#[test]
fn the_recorded_results_can_be_read() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let golden = std::env::var_os("CONVIS_GOLDEN").map_or(beside, PathBuf::from).join("convis");
    let Ok(listing) = fs::read_dir(&golden) else {
        eprintln!("skipped: there is no folder {}; set CONVIS_GOLDEN", golden.display());
        return;
    };
    let mut count = 0;
    for path in
        listing.map(|entry| entry.unwrap().path()).filter(|path| path.extension() == Some("npz".as_ref()))
    {
        let arrays = read_npz(&path).unwrap();
        let parameters = arrays["params_json"].text().unwrap();
        let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
        assert!(parameters.is_object(), "{}", path.display());
        for (name, array) in arrays.iter().filter(|(name, _)| *name != "params_json") {
            assert!(!array.to_f64().unwrap().is_empty(), "{}: {name}", path.display());
        }
        count += 1;
    }
    assert!(count > 100, "{count} files");
}
