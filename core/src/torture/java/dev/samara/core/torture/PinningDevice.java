// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * A device that pins pages while their mappings are unmapped, replaced, discarded, moved and forked. The frames must
 * stay unchanged. Stores to them must be visible wherever they are still mapped, but in no child.
 */
final class PinningDevice implements Actor {
    private static final int PAGES = 4;
    private static final int MOST = 6;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    private final TortureMachine setup;
    private final TortureMachine.View view;
    private final Checker pins;
    private final Checker forks;
    private final int owner;
    private final Deque<Pin> held = new ArrayDeque<>();

    /** The pin of the frame that is mapped at a page, or null. */
    private final Pin[] mapped = new Pin[PAGES];

    private long at;
    private long other;
    private long sequence;

    /** A pinned frame and its expected content. */
    private static final class Pin {
        private final PinnedFrame frame;
        private final int page;
        private long content;

        Pin(PinnedFrame frame, int page, long content) {
            this.frame = frame;
            this.page = page;
            this.content = content;
        }
    }

    PinningDevice(TortureMachine setup, int owner, Checker pins, Checker forks) {
        this.setup = setup;
        this.owner = owner;
        this.pins = pins;
        this.forks = forks;
        view = setup.view();
        long[] places = setup.area(PAGES);
        at = places[0];
        other = places[1];
        map(at, PAGES);
    }

    private void map(long address, int pages) {
        TortureSpace.succeed(
                setup.space.mmap(address, pages * TortureSpace.PAGE, WRITABLE, TortureSpace.FIXED, null, 0));
    }

    private long address(int page) {
        return at + page * TortureSpace.PAGE;
    }

    @Override
    public void step(Random random) {
        int page = random.nextInt(PAGES);
        switch (random.nextInt(8)) {
            case 0, 1 -> pin(page);
            case 2, 3 -> takeAway(page, random);
            case 4 -> write(page);
            case 5 -> fork(page);
            case 6 -> move();
            default -> unpin();
        }
        held.forEach(this::verify);
    }

    /** Pins a page for writing, so it is exclusive from then on, even if it was just forked. */
    private void pin(int page) {
        if (held.size() == MOST) {
            unpin();
        }
        long mark = TortureMachine.stamp(owner, page, ++sequence);
        for (int part : TortureMachine.PARTS) {
            int result = view.store(address(page) + part, mark);
            if (result != Fault.NONE) {
                pins.check(mapped[page] == null, "a store to a pinned page gave " + Fault.toString(result));
                // The page may be partly written, so its content is unknown.
                map(address(page), 1);
                mapped[page] = null;
                return;
            }
        }
        Pin before = mapped[page];
        if (before != null) {
            note(before.frame, mark);
        }
        PinnedFrame frame = view.pin(address(page), Mman.WRITE);
        if (frame == null) {
            pins.check(view.fault() == Fault.OUT_OF_MEMORY, "a pin gave " + Fault.toString(view.fault()));
            return;
        }
        boolean same = before == null || before.frame.frame() == frame.frame();
        pins.check(same, "a page that is pinned has another frame");
        Pin now = new Pin(frame, page, mark);
        held.add(now);
        mapped[page] = now;
    }

    /** Removes the page; the pin stays. */
    private void takeAway(int page, Random random) {
        switch (random.nextInt(4)) {
            case 0 -> {
                TortureSpace.succeed(setup.space.munmap(address(page), TortureSpace.PAGE));
                map(address(page), 1);
            }
            case 1 -> map(address(page), 1);
            case 2 -> TortureSpace.succeed(setup.space.madvise(address(page), TortureSpace.PAGE, Mman.DONTNEED));
            default -> {
                TortureSpace.succeed(setup.space.mprotect(address(page), TortureSpace.PAGE, Mman.READ));
                TortureSpace.succeed(setup.space.mprotect(address(page), TortureSpace.PAGE, WRITABLE));
                return;
            }
        }
        if (mapped[page] != null) {
            setup.events.count("pins held over an unmapping");
            mapped[page] = null;
        }
    }

    /** Writes through the frame, as a device does. */
    private void write(int page) {
        Pin pin = mapped[page];
        if (pin != null) {
            put(pin);
            int result = view.load(address(page) + TortureMachine.PARTS[0]);
            boolean holds = result == Fault.NONE && view.value() == pin.content;
            pins.check(holds, holds ? "" : "the device's store is not in the page, but " + say(result));
        }
    }

    private void put(Pin pin) {
        long mark = TortureMachine.stamp(owner, pin.page, ++sequence);
        note(pin.frame, mark);
        for (int part : TortureMachine.PARTS) {
            pin.frame.put(part, Long.BYTES, mark);
        }
    }

    private void note(PinnedFrame frame, long mark) {
        for (Pin alike : held) {
            if (alike.frame.frame() == frame.frame()) {
                alike.content = mark;
            }
        }
    }

    private String say(int result) {
        return Fault.toString(result) + " " + TortureMachine.say(view.value());
    }

    private void fork(int page) {
        Pin pin = mapped[page];
        AddressSpace child;
        try {
            child = setup.space.fork();
        } catch (MmException refused) {
            forks.check(refused.errno() == Errno.ENOMEM, refused.toString());
            return;
        }
        TortureMachine.View in = setup.new View(child);
        if (pin != null) {
            long before = pin.content;
            put(pin);
            for (int part : TortureMachine.PARTS) {
                int result = in.load(address(page) + part);
                boolean holds = result == Fault.OUT_OF_MEMORY || (result == Fault.NONE && in.value() == before);
                forks.check(holds, holds ? "" : "a child has of a pinned page " + say(result));
            }
            write(page);
            setup.events.count("pinned pages forked");
        }
        child.close();
    }

    private void move() {
        long length = PAGES * TortureSpace.PAGE;
        for (int page = 0; page < PAGES; page++) {
            TortureSpace.succeed(setup.space.mremap(
                    at + page * TortureSpace.PAGE,
                    TortureSpace.PAGE,
                    TortureSpace.PAGE,
                    Mman.MAYMOVE | Mman.MREMAP_FIXED,
                    other + page * TortureSpace.PAGE));
        }
        pins.check(view.load(at + length - TortureSpace.PAGE) == Fault.MAPERR, "the moved page is still there");
        long from = at;
        at = other;
        other = from;
    }

    private void verify(Pin pin) {
        for (int part : TortureMachine.PARTS) {
            long read = pin.frame.get(part, Long.BYTES);
            boolean holds = read == pin.content;
            pins.check(holds, holds ? "" : "a pinned frame has " + TortureMachine.say(read));
        }
    }

    private void unpin() {
        Pin pin = held.poll();
        if (pin != null) {
            for (int page = 0; page < PAGES; page++) {
                if (mapped[page] == pin) {
                    mapped[page] = null;
                }
            }
            pin.frame.close();
        }
    }

    /** Releases all pins, after the actor's thread stopped; this thread has no CPU. */
    void finish() {
        while (!held.isEmpty()) {
            unpin();
        }
        setup.leave();
    }

    /**
     * Returns an actor that pins pages of other threads, and reads them while they are pinned, whatever their owners do
     * concurrently.
     */
    static Actor roaming(TortureMachine setup, List<OwnedPages> areas, Checker pins) {
        TortureMachine.View view = setup.view();
        return random -> {
            OwnedPages area = areas.get(random.nextInt(areas.size()));
            int page = random.nextInt(OwnedPages.PAGES);
            int access = random.nextInt(3) == 0 ? Mman.WRITE : Mman.READ;
            try (PinnedFrame pinned = view.pin(area.at.get() + page * TortureSpace.PAGE, access)) {
                if (pinned == null) {
                    return;
                }
                for (int part : TortureMachine.PARTS) {
                    setup.failures.linger();
                    long read = pinned.get(part, Long.BYTES);
                    boolean holds = area.mayHave(read, page);
                    pins.check(holds, holds ? "" : "a pinned page has " + TortureMachine.say(read));
                }
            }
        };
    }
}
