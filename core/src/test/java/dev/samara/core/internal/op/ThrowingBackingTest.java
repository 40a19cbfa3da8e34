// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A backing that throws, which it must not do, at one of the questions that a call asks it, at each in turn. The call
 * then has no effect, and the same call succeeds once the backing answers.
 */
@DisplayName("A call in which a backing throws leaves no trace")
class ThrowingBackingTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int NONE = Protection.NONE;
    private static final int READ = Protection.READ;
    private static final int READ_WRITE = READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.FIXED;
    private static final int ANONYMOUS = FIXED | MapFlags.ANONYMOUS;
    private static final int SHARED_ANONYMOUS = MapFlags.SHARED | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int MOVE_TO = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;

    /** Thrown only by the backing. */
    private static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** Answers a number of questions and throws at the next one. */
    private static final class Moody implements Backing {
        private static final int ALL = Integer.MAX_VALUE;

        private final boolean zeroDevice;
        private int answers = ALL;

        Moody(boolean zeroDevice) {
            this.zeroDevice = zeroDevice;
        }

        private <T> T answer(T value) {
            if (answers-- == 0) {
                throw new Refused();
            }
            return value;
        }

        @Override
        public int major() {
            return answer(8);
        }

        @Override
        public int minor() {
            return answer(1);
        }

        @Override
        public long inode() {
            return answer(99L);
        }

        @Override
        public String name() {
            return answer("/moody");
        }

        @Override
        public boolean readable() {
            return answer(true);
        }

        @Override
        public boolean writable() {
            return answer(true);
        }

        @Override
        public boolean executable() {
            return answer(true);
        }

        @Override
        public boolean appendOnly() {
            return answer(false);
        }

        @Override
        public boolean swapFile() {
            return answer(false);
        }

        @Override
        public boolean mappable() {
            return answer(true);
        }

        @Override
        public long maximumSize() {
            return answer(Long.MAX_VALUE);
        }

        @Override
        public boolean wantsHugeAlignment() {
            return answer(false);
        }

        @Override
        public boolean isZeroDevice() {
            return answer(zeroDevice);
        }

        @Override
        public boolean refusesSync() {
            return answer(false);
        }

        @Override
        public boolean countsMappings() {
            return answer(false);
        }
    }

    /** An action on a space and the backing. */
    @FunctionalInterface
    private interface Call {
        long on(AddressSpace space, Backing backing);
    }

    /**
     * A call, and the mappings before it.
     *
     * @param name the name of the test
     * @param zeroDevice whether the backing is the zero device
     * @param prepare creates the mappings that the call finds
     * @param call the call
     */
    private record Row(String name, boolean zeroDevice, Call prepare, Call call) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static long map(AddressSpace space, int page, int pages, int protection, Backing backing) {
        return space.mmap(PLACE + page * PAGE, pages * PAGE, protection, FIXED, backing, page * PAGE);
    }

    private static long anonymous(AddressSpace space, int page, int pages) {
        return space.mmap(PLACE + page * PAGE, pages * PAGE, READ_WRITE, ANONYMOUS, null, 0);
    }

    private static long shared(AddressSpace space, int page, int pages) {
        return space.mmap(PLACE + page * PAGE, pages * PAGE, READ_WRITE, SHARED_ANONYMOUS, null, 0);
    }

    /**
     * Maps pages 0 to 2 and 8 to 10 of the file, private, and between them charged anonymous memory and a shared
     * object.
     */
    private static long twoWithOthersBetween(AddressSpace space, Backing backing) {
        map(space, 0, 2, READ_WRITE, backing);
        anonymous(space, 2, 4);
        shared(space, 6, 2);
        return map(space, 8, 2, READ_WRITE, backing);
    }

    /** Creates four mappings of the file with different rights, and a shared object at page 20. */
    private static long fourInARow(AddressSpace space, Backing backing) {
        map(space, 0, 2, READ_WRITE, backing);
        map(space, 2, 2, NONE, backing);
        map(space, 4, 2, READ, backing);
        map(space, 6, 2, READ_WRITE, backing);
        return shared(space, 20, 4);
    }

    static Stream<Row> rows() {
        return Stream.of(
                new Row(
                        "mmap over others, joined with both sides",
                        false,
                        ThrowingBackingTest::twoWithOthersBetween,
                        (space, backing) -> map(space, 2, 6, READ_WRITE, backing)),
                new Row(
                        "mmap of another right",
                        false,
                        ThrowingBackingTest::twoWithOthersBetween,
                        (space, backing) -> map(space, 1, 8, READ, backing)),
                new Row(
                        "mmap anywhere",
                        false,
                        ThrowingBackingTest::twoWithOthersBetween,
                        (space, backing) -> space.mmap(0, PAGE, READ_WRITE, MapFlags.PRIVATE, backing, 0)),
                new Row(
                        "mmap of the zero device, shared",
                        true,
                        ThrowingBackingTest::twoWithOthersBetween,
                        (space, backing) -> space.mmap(
                                PLACE + PAGE, 8 * PAGE, READ_WRITE, MapFlags.SHARED | MapFlags.FIXED, backing, 0)),
                new Row(
                        "mremap that grows in place, joined with the next",
                        false,
                        (space, backing) -> {
                            map(space, 0, 2, READ_WRITE, backing);
                            return map(space, 4, 2, READ_WRITE, backing);
                        },
                        (space, backing) -> space.mremap(PLACE, 2 * PAGE, 4 * PAGE, 0, 0)),
                new Row(
                        "mremap that grows and moves onto a shared object",
                        false,
                        ThrowingBackingTest::fourInARow,
                        (space, backing) -> space.mremap(PLACE, 2 * PAGE, 4 * PAGE, MOVE_TO, PLACE + 20 * PAGE)),
                new Row(
                        "mremap back between its former neighbours",
                        false,
                        (space, backing) -> {
                            map(space, 0, 6, READ_WRITE, backing);
                            space.mremap(PLACE + 2 * PAGE, 2 * PAGE, 2 * PAGE, MOVE_TO, PLACE + 20 * PAGE);
                            return shared(space, 2, 2);
                        },
                        (space, backing) ->
                                space.mremap(PLACE + 20 * PAGE, 2 * PAGE, 2 * PAGE, MOVE_TO, PLACE + 2 * PAGE)),
                new Row(
                        "mremap of several at once",
                        false,
                        ThrowingBackingTest::fourInARow,
                        (space, backing) -> space.mremap(PLACE, 8 * PAGE, 8 * PAGE, MOVE_TO, PLACE + 20 * PAGE)),
                new Row(
                        "mremap that leaves the old one",
                        false,
                        ThrowingBackingTest::fourInARow,
                        (space, backing) -> space.mremap(
                                PLACE, 2 * PAGE, 2 * PAGE, MOVE_TO | RemapFlags.DONTUNMAP, PLACE + 20 * PAGE)),
                new Row(
                        "mprotect of several, which are joined",
                        false,
                        ThrowingBackingTest::fourInARow,
                        (space, backing) -> space.mprotect(PLACE + 2 * PAGE, 4 * PAGE, READ_WRITE)),
                new Row(
                        "mprotect of the zero device back to reading",
                        true,
                        ThrowingBackingTest::fourInARow,
                        (space, backing) -> space.mprotect(PLACE, 8 * PAGE, READ)),
                new Row(
                        "madvise of several",
                        true,
                        ThrowingBackingTest::fourInARow,
                        (space, backing) -> space.madvise(PLACE + PAGE, 6 * PAGE, Advice.GUARD_INSTALL)));
    }

    private static String state(Machine machine, AddressSpace space) {
        return LayoutText.of(space) + space.usage() + ", committed " + machine.committed();
    }

    @ParameterizedTest
    @MethodSource("rows")
    void leavesNoTrace(Row row) {
        String afterwards = "";
        boolean thrown = true;
        int answers = 0;
        for (; thrown; answers++) {
            Machine machine = Machine.builder().commitLimit(100 * PAGE).build();
            AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
            Moody backing = new Moody(row.zeroDevice());
            assertFalse(Errno.isError(row.prepare().on(space, backing)), "prepared");
            String before = state(machine, space);
            backing.answers = answers;
            try {
                row.call().on(space, backing);
                thrown = false;
            } catch (Refused refused) {
                thrown = true;
            }
            backing.answers = Moody.ALL;
            if (thrown) {
                assertEquals(before, state(machine, space), "after " + answers + " answers");
                space.validate();
                assertFalse(Errno.isError(row.call().on(space, backing)), "once more");
            }
            String now = state(machine, space);
            assertTrue(afterwards.isEmpty() || afterwards.equals(now), () -> "once more: " + now);
            afterwards = now;
            space.validate();
            space.close();
            assertEquals(0, machine.committed(), "after " + answers + " answers");
        }
        assertEquals(row.name().startsWith("mmap"), answers > 1, "asked once, when it is mapped");
    }
}
