from app.list.clipboard_texts import cell_text
from app.list.columns import COLUMN_INDEX
from app.list.listed_row import ListedRow
from proxy_core.capture.reader import CaptureReader
from tests.support.captures import LiveCapture, Sample


def test_a_copied_value_is_whole(tmp_path):
    path = f"/?{'x' * 9000}\u202e!"
    capture = LiveCapture(tmp_path / "a.live")
    ids = capture.add(Sample(path=path), Sample(path="/b", method="PUT"))
    reader = CaptureReader(str(capture.folder))
    rows = [ListedRow(reader.rows(ids)[each]) for each in ids]
    reader.close()
    capture.close()
    whole = path.replace("\u202e", "%E2%80%AE")
    assert cell_text(rows, COLUMN_INDEX["path"]) == f"{whole}\n/b"
    assert cell_text(rows, COLUMN_INDEX["url"]) == f"https://shop.test{whole}\nhttps://shop.test/b"
    assert cell_text(rows, COLUMN_INDEX["method"]) == "GET\nPUT"
