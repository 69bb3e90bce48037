"""The end of the list where new exchanges arrive: whether it is followed, and the pill that says how many came unseen.

It is followed while its end is in sight and nothing is selected; scrolling or selecting lets it stand still. There is
such an end in the order of ids only.
"""

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QTableView

from app.list.exchange_model import ExchangeModel
from app.list.new_pill import NewPill


class ListTail(QObject):
    """Watches the scroll bar of its list. The list tells it what a person does, and what comes."""

    def __init__(self, view: QTableView, model: ExchangeModel) -> None:
        super().__init__(view)
        self._view = view
        self._model = model
        self._bar = view.verticalScrollBar()
        self.is_following = True
        self.is_own_scroll = False  # what scrolls now is not a person
        self.pill = NewPill(view)
        self._soon = QTimer(self, interval=0, singleShot=True)
        self._soon.timeout.connect(self._go)
        self._bar.valueChanged.connect(self.scrolled)
        self._bar.actionTriggered.connect(self._bar_used)
        model.listed.connect(self.go_soon)

    @property
    def is_carried(self) -> bool:
        """Whether new rows move the list."""
        return self.is_following and self._model.is_in_id_order

    def let_go(self) -> None:
        """A person looks elsewhere."""
        self.is_following = False

    def follow(self) -> None:
        """Go to the newest and stay there."""
        self.is_following = True
        self.pill.forget()
        self._go()

    def follow_from_end(self, *, is_last: bool) -> None:
        """A person went to an end of the list: where the newest arrive, they want to see them arrive."""
        if self._model.is_in_id_order and is_last != self._model.is_reversed:
            self.follow()

    def go_soon(self) -> None:
        """Go to the newest, if they are followed, once the list has its new height."""
        self._soon.start()

    def _go(self) -> None:
        if self.is_carried:
            self.scroll_to(self._newest)

    def scroll_to(self, value: int) -> None:
        """Scroll in nobody's name."""
        was_own, self.is_own_scroll = self.is_own_scroll, True
        self._bar.setValue(value)
        self.is_own_scroll = was_own

    @property
    def _newest(self) -> int:
        return self._bar.minimum() if self._model.is_reversed else self._bar.maximum()

    def scrolled(self) -> None:
        """It may have been a person, to the newest or away from it."""
        if self.is_own_scroll or not self._model.is_in_id_order:
            return
        if self._bar.value() == self._newest:
            self.pill.forget()
            # Only a person who let go of the selection, or never had one, wants to be carried on.
            is_free = not self._view.currentIndex().isValid() and not self._view.selectionModel().hasSelection()
            if self._bar.maximum() > 0 and is_free:
                self.is_following = True

    def _bar_used(self) -> None:
        """A person has the bar in hand: unless they lead it to the newest, they want to look elsewhere."""
        self.is_following = self.is_following and self._bar.sliderPosition() == self._newest

    def wheel_turned(self, *, is_upwards: bool) -> None:
        """A person is about to scroll."""
        self.is_following = self.is_following and not is_upwards and not self._model.is_reversed

    def rows_came(self, first: int, count: int, row_height: int) -> None:
        """So many rows, from this one on, are new."""
        if self.is_following:
            self.go_soon()
            return
        if not self._model.is_in_id_order:
            return
        if self._model.is_reversed and first * row_height <= self._bar.value():
            # What is looked at stays where it is.
            self._view.updateGeometries()
            self.scroll_to(self._bar.value() + count * row_height)
        self._view.updateGeometries()
        if self._bar.maximum() > 0:
            self.pill.add(count, self._view.viewport().geometry(), at_top=self._model.is_reversed)
        else:
            self.pill.forget()  # all are in sight

    def resized(self) -> None:
        """The list has another size."""
        self._go()
        if self.pill.isVisible():
            self.pill.place(self._view.viewport().geometry(), at_top=self._model.is_reversed)
