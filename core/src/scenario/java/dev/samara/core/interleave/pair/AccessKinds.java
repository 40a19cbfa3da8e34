// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageScan;
import dev.samara.core.PageTableRef;
import dev.samara.core.Residency;
import dev.samara.core.VmaRef;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.interleave.pair.PairKinds.Call;
import dev.samara.core.interleave.pair.PairKinds.Use;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Accesses of a CPU, switches of a CPU between spaces, and the calls that query pages. */
final class AccessKinds {
    /** The result of an access to a closed space. */
    static final String NOTHING = Fault.toString(Fault.MAPERR);

    /** The kind whose CPU stays in GUEST and polls until the other operations have returned. */
    static final String POLLS = "polls";

    private static final long POLL_NANOS = 1_000;

    private AccessKinds() {}

    static void addTo() {
        accesses();
        cpus();
        looks();
        collections();
    }

    private static void accesses() {
        PairKinds.accesses("load", Use.ACCESS, call -> SpaceScenario.load(call.cpu(), call.start()));
        PairKinds.accesses("read-fault", Use.ACCESS, call -> SpaceScenario.load(call.cpu(), call.second()));
        PairKinds.accesses("store", Use.ACCESS, call -> SpaceScenario.store(call.cpu(), call.start(), 0x57));
        PairKinds.accesses("write-fault", Use.ACCESS, call -> SpaceScenario.store(call.cpu(), call.second(), 0x58));
        PairKinds.accesses("atomic", Use.ACCESS, call -> {
            int fault = call.cpu().memory().getAndAdd(call.start(), 8, 1);
            return fault == Fault.NONE ? Long.toString(call.cpu().memory().value()) : Fault.toString(fault);
        });
        PairKinds.accesses("in-guest", Use.GUEST, call -> {
            String stored = SpaceScenario.store(call.cpu(), call.start(), 0x59);
            leaveGuest(call);
            return stored;
        });
        PairKinds.accesses("poll", Use.GUEST, call -> {
            if (call.state().inGuest.contains(call.cpu())) {
                call.cpu().poll();
            }
            String loaded = SpaceScenario.load(call.cpu(), call.start());
            leaveGuest(call);
            return loaded;
        });
        PairKinds.accesses(POLLS, Use.GUEST, call -> {
            // An operation that runs alone is not in GUEST. If a request is lost, the other operations never return.
            // The thread parks, because the scheduler assumes that a spin ends after a bounded number of spin-wait
            // hints.
            while (call.state().inGuest.contains(call.cpu()) && call.state().unfinished > 0) {
                call.cpu().poll();
                LockSupport.parkNanos(POLL_NANOS);
            }
            String loaded = SpaceScenario.load(call.cpu(), call.start());
            leaveGuest(call);
            return loaded;
        });
        PairKinds.accesses("pin", Use.ACCESS, AccessKinds::pin);
        PairKinds.add("write-remote", call -> call.space().write(call.start(), new byte[] {0x5a}, 0, 1));
        PairKinds.add("write-forced", call -> call.space().writeForced(call.second(), new byte[] {0x5b}, 0, 1));
    }

    /** Reads a pinned page, whose frame is not reused for another page before the pin is released. */
    private static Object pin(Call call) {
        try (PinnedFrame pin = call.cpu().memory().pin(call.start(), Mman.READ)) {
            if (pin == null) {
                return Fault.toString(call.cpu().memory().fault());
            }
            Frames frames = MachineInternals.layoutOf(call.space()).memory().frames;
            long stamp = frames.reuseStamp(pin.frame());
            long read = SpaceFixture.read(pin);
            // The zero page is never freed, and has no pins.
            boolean isPinned = pin.frame() == Frames.ZERO || frames.isPinned(pin.frame());
            if (frames.reuseStamp(pin.frame()) != stamp || !isPinned) {
                throw new AssertionError("I3: the frame of a pinned page was freed");
            }
            return read;
        }
    }

    /** Leaves GUEST. An operation that runs alone did not enter it, because its thread owns the other CPUs, too. */
    private static void leaveGuest(Call call) {
        if (call.state().inGuest.remove(call.cpu())) {
            call.cpu().leaveGuest();
        }
    }

    private static void cpus() {
        PairKinds.accesses("switch", Use.ACCESS, call -> {
            call.cpu().switchTo(call.state().other());
            return goAndLoad(call, call.cpu());
        });
        PairKinds.accesses("lazy", Use.ACCESS, call -> {
            call.cpu().enterLazy();
            return goAndLoad(call, call.cpu());
        });
        PairKinds.accesses("use", Use.ACCESS, call -> {
            call.cpu().switchTo(call.state().other());
            BorrowedSpace borrowed;
            try {
                borrowed = call.cpu().use(call.space(), AccessKinds::letGo);
            } catch (MmException closed) {
                return NOTHING;
            }
            String loaded = SpaceScenario.load(call.cpu(), call.start());
            borrowed.close();
            return loaded;
        });
        PairKinds.accesses("unuse", Use.ACCESS, AccessKinds::unuse);
        PairKinds.accesses("exec", Use.ACCESS, call -> {
            call.cpu().exec(call.state().other());
            return SpaceScenario.load(call.cpu(), call.start());
        });
        PairKinds.add("offline", call -> {
            call.cpu().close();
            try (Cpu cpu = call.state().machine.claimCpu()) {
                return goAndLoad(call, cpu);
            }
        });
        PairKinds.add(
                "die",
                call -> onAnotherThread(call.label() + "-thread", () -> {
                    Cpu cpu = call.state().machine.claimCpu();
                    try {
                        cpu.switchTo(call.space());
                    } catch (MmException closed) {
                        return NOTHING;
                    }
                    cpu.enterGuest();
                    // The thread ends in GUEST.
                    return SpaceScenario.load(cpu, call.start());
                }));
        PairKinds.accesses("hand-over", Use.ACCESS, call -> {
            call.cpu().handOver();
            String loaded = onAnotherThread(call.label() + "-taker", () -> {
                call.cpu().claim();
                try {
                    return SpaceScenario.load(call.cpu(), call.start());
                } finally {
                    call.cpu().handOver();
                }
            });
            call.cpu().claim();
            return loaded;
        });
    }

    private static void letGo() {}

    /** Borrows the space, puts the borrow's users, leaves, and borrows the space again. */
    private static Object unuse(Call call) {
        call.cpu().switchTo(null);
        try (BorrowedSpace first = call.cpu().use(call.space(), AccessKinds::letGo);
                PageTableRef held = first.putUsers().leave();
                BorrowedSpace second = call.cpu().tryUse(held, AccessKinds::letGo)) {
            return second == null ? NOTHING : SpaceScenario.load(call.cpu(), call.start());
        } catch (MmException closed) {
            return NOTHING;
        }
    }

    /** Switches the CPU to the space and loads. The space may be closed before or after the switch. */
    private static String goAndLoad(Call call, Cpu cpu) {
        try {
            cpu.switchTo(call.space());
        } catch (MmException closed) {
            return NOTHING;
        }
        return SpaceScenario.load(cpu, call.start());
    }

    private interface Task {
        String run();
    }

    private static String onAnotherThread(String name, Task task) {
        AtomicReference<String> result = new AtomicReference<>("none");
        Thread thread = new Thread(
                () -> {
                    result.set(task.run());
                },
                name);
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException impossible) {
            throw new AssertionError(impossible);
        }
        return Objects.requireNonNull(result.get());
    }

    private static void looks() {
        PairKinds.add("resolve", call -> Fault.toString(call.space().resolve(call.start(), Mman.READ)));
        PairKinds.add(
                "mincore",
                call -> call.space()
                        .mincore(call.start(), call.length(), new byte[(int) (call.length() / SpaceScenario.PAGE)]));
        PairKinds.add("residency", call -> {
            Residency told = call.space().residency();
            long mapped = call.space().smapsRollup().rss();
            return told.peak() >= told.resident() && mapped >= 0;
        });
        PairKinds.add("pagemap", call -> {
            long[] regions = new long[3 * 8];
            PageScan scan = new PageScan().range(call.start(), call.start() + call.length());
            long told = call.space().pagemapScan(scan, regions);
            long words = call.space().pagemap(call.start(), call.length(), regions);
            // Not the pages themselves, because the other operation changes them one by one.
            return told >= 0 && words >= 0 && told <= words;
        });
        PairKinds.add("reference", call -> {
            VmaRef reference = call.space().acquire(call.start());
            if (reference == null) {
                return "nothing";
            }
            boolean covers = reference.vma().contains(call.start());
            reference.close();
            return covers;
        });
        PairKinds.add("snapshot", call -> {
            // Not the VMAs, because equal neighbours may be separate VMAs until an operation is complete.
            LayoutSnapshot snapshot = call.space().snapshot();
            return protection(snapshot.find(call.start())) + ' ' + protection(snapshot.find(call.second()));
        });
    }

    private static String protection(@Nullable Vma vma) {
        return vma == null ? "nothing" : VmaFlags.format(vma.flags() & VmaFlags.ACCESS);
    }

    private static void collections() {
        PairKinds.add("collect", call -> {
            List<Long> pages = new ArrayList<>();
            call.space().collectDirty(call.start(), call.length(), pages::add);
            return pages.size() <= 2;
        });
        PairKinds.add("collect-accessed", call -> {
            List<Long> pages = new ArrayList<>();
            call.space().collectAccessed(call.start(), call.length(), pages::add);
            return pages.size() <= 2;
        });
        PairKinds.accesses("watch", Use.ACCESS, call -> {
            AtomicInteger written = new AtomicInteger();
            Watchpoint watched =
                    call.space().watch(call.start(), call.length(), (address, length) -> written.incrementAndGet());
            // The other operation may write concurrently with this one.
            String stored = SpaceScenario.store(call.cpu(), call.start(), 0x5c) + (written.get() > 0);
            watched.close();
            // A close of the space may come between the watch and the store. The result is the same as if it came
            // before both.
            boolean isClosed = call.space().munlock(call.start(), 0) == Errno.ESRCH.result();
            return isClosed && stored.equals(Fault.toString(Fault.MAPERR) + false) ? Errno.ESRCH.name() : stored;
        });
    }
}
