// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * Devices: pages are pinned and their mappings unmapped, replaced, discarded, moved and forked; the frames stay what
 * they were, and what is written to them is seen where they are still mapped, and in no child.
 */
final class Pinning implements Actor {
    private static final int PAGES = 4;
    private static final int MOST = 6;
    private static final int WRITABLE = Protection.READ | Protection.WRITE;

    private final MemoryGround ground;
    private final MemoryGround.View view;
    private final Checker pins;
    private final Checker forks;
    private final int owner;
    private final Deque<Pin> held = new ArrayDeque<>();

    /** The pin of what is mapped at a page, or null. */
    private final Pin[] mapped = new Pin[PAGES];

    private long at;
    private long other;
    private long sequence;

    /** A frame that is pinned, and what must be in it. */
    private static final class Pin {
        private final int frame;
        private final int page;
        private long content;

        Pin(int frame, int page, long content) {
            this.frame = frame;
            this.page = page;
            this.content = content;
        }
    }

    Pinning(MemoryGround ground, int owner, Checker pins, Checker forks) {
        this.ground = ground;
        this.owner = owner;
        this.pins = pins;
        this.forks = forks;
        view = ground.view();
        long[] places = ground.plot(PAGES);
        at = places[0];
        other = places[1];
        map(at, PAGES);
    }

    private void map(long address, int pages) {
        Ground.succeed(ground.space.mmap(address, pages * Ground.PAGE, WRITABLE, Ground.FIXED, null, 0));
    }

    private long address(int page) {
        return at + page * Ground.PAGE;
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

    /** For writing: so the page is nobody else's from then on, also if it was forked a moment ago. */
    private void pin(int page) {
        if (held.size() == MOST) {
            unpin();
        }
        long mark = MemoryGround.stamp(owner, page, ++sequence);
        for (int part : MemoryGround.PARTS) {
            if (!Fault.isDone(view.store(address(page) + part, mark))) {
                // Half written perhaps: what is there is not known any more.
                map(address(page), 1);
                mapped[page] = null;
                return;
            }
        }
        Pin before = mapped[page];
        if (before != null) {
            note(before.frame, mark);
        }
        int frame = view.pin(address(page), Protection.WRITE);
        if (frame < 0) {
            pins.check(-frame == Fault.OOM, "a pin gave " + Fault.toString(-frame));
            return;
        }
        boolean same = before == null || before.frame == frame;
        pins.check(same, "a page that is pinned has another frame");
        Pin now = new Pin(frame, page, mark);
        held.add(now);
        mapped[page] = now;
    }

    /** The page goes, and the pin stays. */
    private void takeAway(int page, Random random) {
        switch (random.nextInt(4)) {
            case 0 -> {
                Ground.succeed(ground.space.munmap(address(page), Ground.PAGE));
                map(address(page), 1);
            }
            case 1 -> map(address(page), 1);
            case 2 -> Ground.succeed(ground.space.madvise(address(page), Ground.PAGE, Advice.DONTNEED));
            default -> {
                Ground.succeed(ground.space.mprotect(address(page), Ground.PAGE, Protection.READ));
                Ground.succeed(ground.space.mprotect(address(page), Ground.PAGE, WRITABLE));
                return;
            }
        }
        if (mapped[page] != null) {
            ground.met.count("pins held over an unmapping");
            mapped[page] = null;
        }
    }

    /** As a device does: through the frame. */
    private void write(int page) {
        Pin pin = mapped[page];
        if (pin != null) {
            put(pin);
            int result = view.load(address(page) + MemoryGround.PARTS[0]);
            boolean holds = Fault.isDone(result) && view.value() == pin.content;
            pins.check(holds, holds ? "" : "what a device wrote is not in the page, but " + say(result));
        }
    }

    private void put(Pin pin) {
        long mark = MemoryGround.stamp(owner, pin.page, ++sequence);
        note(pin.frame, mark);
        for (int part : MemoryGround.PARTS) {
            ground.frames().put(pin.frame, part, Long.BYTES, mark);
        }
    }

    private void note(int frame, long mark) {
        for (Pin alike : held) {
            if (alike.frame == frame) {
                alike.content = mark;
            }
        }
    }

    private String say(int result) {
        return Fault.toString(result) + " " + MemoryGround.say(view.value());
    }

    private void fork(int page) {
        Pin pin = mapped[page];
        AddressSpace child;
        try {
            child = ground.space.fork();
        } catch (MmException refused) {
            forks.check(refused.errno() == Errno.ENOMEM, refused.toString());
            return;
        }
        MemoryGround.View in = ground.new View(child);
        if (pin != null) {
            long before = pin.content;
            put(pin);
            for (int part : MemoryGround.PARTS) {
                int result = in.load(address(page) + part);
                boolean holds = result == Fault.OOM || (Fault.isDone(result) && in.value() == before);
                forks.check(holds, holds ? "" : "a child has of a pinned page " + say(result));
            }
            write(page);
            ground.met.count("pinned pages forked");
        }
        child.close();
    }

    private void move() {
        long length = PAGES * Ground.PAGE;
        for (int page = 0; page < PAGES; page++) {
            Ground.succeed(ground.space.mremap(
                    at + page * Ground.PAGE,
                    Ground.PAGE,
                    Ground.PAGE,
                    RemapFlags.MAYMOVE | RemapFlags.FIXED,
                    other + page * Ground.PAGE));
        }
        pins.check(view.load(at + length - Ground.PAGE) == Fault.MAPERR, "what was moved is still there");
        long from = at;
        at = other;
        other = from;
    }

    private void verify(Pin pin) {
        for (int part : MemoryGround.PARTS) {
            long read = ground.frames().get(pin.frame, part, Long.BYTES);
            boolean holds = read == pin.content;
            pins.check(holds, holds ? "" : "a pinned frame has " + MemoryGround.say(read));
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
            view.unpin(pin.frame, true);
        }
    }

    /** Ends all pins; its thread has stopped, and this one has a CPU of its own. */
    void finish() {
        while (!held.isEmpty()) {
            unpin();
        }
        ground.leave();
    }

    /** Pins pages of others, and reads them as long as they are pinned, whatever their owners do meanwhile. */
    static Actor roaming(MemoryGround ground, List<Plot> plots, Checker pins) {
        MemoryGround.View view = ground.view();
        return random -> {
            Plot plot = plots.get(random.nextInt(plots.size()));
            int page = random.nextInt(Plot.PAGES);
            int access = random.nextInt(3) == 0 ? Protection.WRITE : Protection.READ;
            int frame = view.pin(plot.at.get() + page * Ground.PAGE, access);
            if (frame < 0) {
                return;
            }
            for (int part : MemoryGround.PARTS) {
                ground.mischief.linger();
                long read = ground.frames().get(frame, part, Long.BYTES);
                boolean holds = plot.mayHave(read, page);
                pins.check(holds, holds ? "" : "a pinned page has " + MemoryGround.say(read));
            }
            view.unpin(frame, false);
        };
    }
}
