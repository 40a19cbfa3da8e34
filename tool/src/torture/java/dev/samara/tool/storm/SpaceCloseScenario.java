// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Spaces that two threads close, sometimes concurrently. Other threads map a file and anonymous memory in a space, use
 * both in GUEST and unmap them, and are LAZY from time to time. Another thread truncates the file. A closed space is
 * replaced with a new one.
 */
final class SpaceCloseScenario implements Group {
    private static final int PAGES = 4;
    private static final long BYTES = PAGES * PageModel.PAGE;
    private static final long BASE = 0x80_0000_0000L;
    private static final long MARK = 0x3E00_0000_0000_0000L;
    private static final int PAUSE_NANOS = 300_000;

    /**
     * Written: a thread that closed the space, holding the monitor (volatile).
     * Read: any thread (volatile).
     * Invariant: a space that was not yet closed when it was stored here.
     */
    private volatile AddressSpace space;

    private final Scene scene;
    private final MemoryFile file;

    SpaceCloseScenario(Scene scene) {
        this.scene = scene;
        space = newSpace(scene);
        file = scene.machine().newFile("/closing", 3, Geometry.LINUX_X86_64, BYTES);
    }

    private static AddressSpace newSpace(Scene scene) {
        AddressSpace made =
                scene.machine().space(Geometry.LINUX_X86_64).earlyReuse(true).build();
        made.addNotifier((start, end, reason) -> scene.pauses().maybe());
        return made;
    }

    private static long place(int user) {
        return BASE + 2 * BYTES * user;
    }

    /** Closes the space, and replaces it with a new one. */
    private void close() {
        AddressSpace old = space;
        old.close();
        AddressSpace next = newSpace(scene);
        if (!replaces(old, next)) {
            next.close();
        }
    }

    private synchronized boolean replaces(AddressSpace old, AddressSpace next) {
        boolean isFirst = space == old;
        if (isFirst) {
            space = next;
        }
        return isFirst;
    }

    void closes(Random random) {
        while (scene.course().goesOn()) {
            close();
            scene.pauses().maybe();
            LockSupport.parkNanos(this, random.nextInt(PAUSE_NANOS));
        }
    }

    /** Switches a CPU to a space; returns false if the space was closed in the meantime. */
    private static boolean goesTo(Cpu cpu, AddressSpace of) {
        try {
            cpu.switchTo(of);
            return true;
        } catch (MmException refused) {
            if (refused.errno() != Errno.ESRCH) {
                throw refused;
            }
            return false;
        }
    }

    /** Maps, uses and unmaps memory. Each call may find that the space was closed in the meantime. */
    void uses(int user, Random random) {
        long base = place(user);
        try (Cpu cpu = scene.machine().claimCpu()) {
            while (scene.course().goesOn()) {
                AddressSpace of = space;
                if (!goesTo(cpu, of)) {
                    Thread.onSpinWait();
                    continue;
                }
                int kind = random.nextBoolean() ? Mman.SHARED | Mman.FIXED : Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
                boolean isFile = (kind & Mman.ANONYMOUS) == 0;
                of.mmap(base, BYTES, READ | WRITE, kind, isFile ? file.open() : null, 0);
                cpu.enterGuest();
                try {
                    for (int n = random.nextInt(32); n >= 0; n--) {
                        use(cpu, base, random.nextInt(PAGES), isFile ? 0 : user + 1, random.nextBoolean());
                        if (random.nextInt(8) == 0) {
                            cpu.poll();
                        }
                    }
                } finally {
                    cpu.leaveGuest();
                }
                of.munmap(base, BYTES);
                of.membarrier();
                if (random.nextBoolean()) {
                    cpu.enterLazy();
                }
                LockSupport.parkNanos(this, random.nextInt(PAUSE_NANOS));
            }
            cpu.switchTo(null);
        }
    }

    private void use(Cpu cpu, long base, int page, int owner, boolean stores) {
        long address = base + page * PageModel.PAGE;
        long stamp = MARK | (long) owner << 8 | page;
        GuestMemory memory = cpu.memory();
        int result = stores ? memory.store(address, Long.BYTES, stamp) : memory.load(address, Long.BYTES);
        if (stores || result != Fault.NONE || memory.value() == 0 || memory.value() == stamp) {
            scene.rules().closed.held();
        } else {
            scene.rules()
                    .closed
                    .broken("page " + page + " of user " + owner + " has 0x" + Long.toHexString(memory.value()));
        }
    }

    /** Truncates the file and extends it again. */
    void truncates(Random random) {
        while (scene.course().goesOn()) {
            long cut = file.truncate(random.nextInt(PAGES) * PageModel.PAGE);
            long grown = file.truncate(BYTES);
            if (Errno.isError(cut) || Errno.isError(grown)) {
                throw new IllegalStateException("a truncation fails with " + Errno.of(Math.min(cut, grown)));
            }
            LockSupport.parkNanos(this, random.nextInt(2 * PAUSE_NANOS));
        }
    }

    /** Unmaps everything, and removes all pages of the file from memory. */
    @Override
    public void rest() {
        close();
        file.truncate(0);
        file.truncate(BYTES);
    }

    @Override
    public void end() {
        file.close();
    }

    @Override
    public void join(Crew crew) {
        crew.add("closer-1", this::closes);
        crew.add("closer-2", this::closes);
        crew.add("user-1", random -> uses(0, random));
        crew.add("user-2", random -> uses(1, random));
        crew.add("truncater", this::truncates);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of(space);
    }

    @Override
    public List<Invariant> rules() {
        return List.of(scene.rules().closed);
    }
}
