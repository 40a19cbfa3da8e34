// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.HostFile;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * A host file with four times as many pages as may be in memory. Two threads map it, store to their own pages, read
 * them again, sync the file and unmap it. Concurrently, the machine writes pages back and evicts them.
 */
final class HostFileScenario implements Group {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final int PAGES = 128;
    private static final long BYTES = PAGES * PageModel.PAGE;

    /** The machine's limit for pages of host files. */
    static final long CACHE_LIMIT = BYTES / 4;

    private static final long BASE = 0x90_0000_0000L;
    private static final int USERS = 2;
    private static final int ACCESSES = 256;
    private static final int SAVES_ONE_IN = 8;

    private final Scene scene;
    private final AddressSpace space;
    private final Path path;
    private final HostFile file;

    /** The value that the page's thread stored last, by page. */
    private final long[] stored = new long[PAGES];

    HostFileScenario(Scene scene) {
        this.scene = scene;
        space = scene.machine().newSpace(GEOMETRY);
        space.addNotifier((start, end, reason) -> scene.pauses().maybe());
        try {
            path = Files.createTempFile("storm", ".pages");
        } catch (IOException failed) {
            throw new UncheckedIOException("a storm needs a place for a temporary file", failed);
        }
        path.toFile().deleteOnExit();
        file = scene.machine().openFile(path, GEOMETRY, StandardOpenOption.WRITE);
        done(file.truncate(BYTES));
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a call on a file of the host fails with " + Errno.of(result));
        }
    }

    /** Maps the file, uses it in GUEST, and unmaps it. */
    void uses(int user, Random random) {
        long base = BASE + 2 * BYTES * user;
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                done(space.mmap(base, BYTES, READ | WRITE, Mman.SHARED | Mman.FIXED, file, 0));
                cpu.enterGuest();
                try {
                    for (int n = 0; n < ACCESSES && scene.course().goesOn(); n++) {
                        int page = USERS * random.nextInt(PAGES / USERS) + user;
                        if (random.nextBoolean()) {
                            store(cpu.memory(), base, page);
                        } else {
                            load(cpu.memory(), base, page);
                        }
                        cpu.poll();
                    }
                } finally {
                    cpu.leaveGuest();
                }
                if (random.nextInt(SAVES_ONE_IN) == 0) {
                    done(space.msync(base, BYTES, Mman.SYNC));
                }
                done(space.munmap(base, BYTES));
            }
            cpu.switchTo(null);
        }
    }

    private void store(GuestMemory memory, long base, int page) {
        check(memory.store(base + page * PageModel.PAGE, Long.BYTES, stored[page] + 1), page);
        stored[page]++;
    }

    private void load(GuestMemory memory, long base, int page) {
        check(memory.load(base + page * PageModel.PAGE, Long.BYTES), page);
        if (memory.value() == stored[page]) {
            scene.rules().filed.held();
        } else {
            scene.rules()
                    .filed
                    .broken("page " + page + " has " + memory.value() + ", and " + stored[page] + " was stored last");
        }
    }

    private static void check(int fault, int page) {
        if (fault != Fault.NONE) {
            throw new IllegalStateException("page " + page + " of a file of the host: " + Fault.toString(fault));
        }
    }

    @Override
    public void join(Crew crew) {
        for (int n = 0; n < USERS; n++) {
            int user = n;
            crew.add("filer-" + n, random -> uses(user, random));
        }
    }

    /** Removes all pages of the file from memory. */
    @Override
    public void rest() {
        done(file.truncate(0));
        done(file.truncate(BYTES));
        Arrays.fill(stored, 0);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of(space);
    }

    @Override
    public List<Invariant> rules() {
        return List.of(scene.rules().filed);
    }

    @Override
    public void end() {
        done(file.truncate(0));
        file.close();
        try {
            Files.deleteIfExists(path);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
