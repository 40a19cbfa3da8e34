// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A backing that throws, which it must not do, at one of the questions that a call asks it, at each in turn. The call
 * then has no effect, and the same call succeeds once the backing answers.
 */
@DisplayName("A call in which a backing throws leaves no trace")
class ThrowingBackingTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int READ_WRITE = READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;
    private static final int ANONYMOUS = FIXED | Mman.ANONYMOUS;
    private static final int SHARED = Mman.SHARED | Mman.FIXED;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;

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

    private static long map(AddressSpace space, int page, int pages, int protection, Backing backing) {
        return space.mmap(PLACE + page * PAGE, pages * PAGE, protection, FIXED, backing, page * PAGE);
    }

    /**
     * Maps pages 0 to 2 and 8 to 10 of the file, private, and between them charged anonymous memory and a shared
     * object.
     */
    private static void prepare(AddressSpace space, Backing backing) {
        map(space, 0, 2, READ_WRITE, backing);
        space.mmap(PLACE + 2 * PAGE, 4 * PAGE, READ_WRITE, ANONYMOUS, null, 0);
        space.mmap(PLACE + 6 * PAGE, 2 * PAGE, READ_WRITE, SHARED | Mman.ANONYMOUS, null, 0);
        map(space, 8, 2, READ_WRITE, backing);
    }

    static Stream<Arguments> mappings() {
        Call joined = (space, backing) -> map(space, 2, 6, READ_WRITE, backing);
        Call overParts = (space, backing) -> map(space, 1, 8, READ, backing);
        Call anywhere = (space, backing) -> space.mmap(0, PAGE, READ_WRITE, Mman.PRIVATE, backing, 0);
        Call shared = (space, backing) -> space.mmap(PLACE + PAGE, 8 * PAGE, READ_WRITE, SHARED, backing, 0);
        return Stream.of(
                Arguments.of("joined with both sides", false, joined),
                Arguments.of("of another right", false, overParts),
                Arguments.of("anywhere", false, anywhere),
                Arguments.of("of the zero device, shared", true, shared));
    }

    private static String state(AddressSpace space) {
        return LayoutText.of(space) + space.usage() + ", committed "
                + space.machine().committed();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mappings")
    void mmap(String name, boolean zeroDevice, Call call) {
        String afterwards = "";
        boolean thrown = true;
        int answers = 0;
        for (; thrown; answers++) {
            Machine machine = Machine.builder().commitLimit(100 * PAGE).build();
            AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
            Moody backing = new Moody(zeroDevice);
            prepare(space, backing);
            String before = state(space);
            backing.answers = answers;
            try {
                call.on(space, backing);
                thrown = false;
            } catch (Refused refused) {
                thrown = true;
            }
            backing.answers = Moody.ALL;
            if (thrown) {
                assertEquals(before, state(space), "after " + answers + " answers");
                space.validate();
                assertFalse(Errno.isError(call.on(space, backing)), "once more");
            }
            String now = state(space);
            assertTrue(afterwards.isEmpty() || afterwards.equals(now), () -> "once more: " + now);
            afterwards = now;
            space.validate();
            space.close();
            assertEquals(0, machine.committed(), "after " + answers + " answers");
        }
        assertTrue(answers > 1, "nothing was asked");
    }

    static List<Call> others() {
        int keep = MOVE_TO | Mman.DONTUNMAP;
        return List.of(
                (space, backing) -> space.mremap(PLACE + 8 * PAGE, 2 * PAGE, 4 * PAGE, 0, 0),
                (space, backing) -> space.mremap(PLACE, 2 * PAGE, 4 * PAGE, MOVE_TO, PLACE + 6 * PAGE),
                (space, backing) -> space.mremap(PLACE, 10 * PAGE, 10 * PAGE, MOVE_TO, PLACE + 20 * PAGE),
                (space, backing) -> space.mremap(PLACE, 2 * PAGE, 2 * PAGE, keep, PLACE + 20 * PAGE),
                (space, backing) -> space.mprotect(PLACE, 10 * PAGE, READ),
                (space, backing) -> space.madvise(PLACE + PAGE, 8 * PAGE, Mman.GUARD_INSTALL),
                (space, backing) -> space.munmap(PLACE + PAGE, 8 * PAGE));
    }

    @ParameterizedTest
    @MethodSource("others")
    @DisplayName("any other call asks nothing: the answers are those of the mapping")
    void askedOnce(Call call) {
        for (boolean zeroDevice : new boolean[] {false, true}) {
            AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
            Moody backing = new Moody(zeroDevice);
            prepare(space, backing);
            backing.answers = 0;
            long result = call.on(space, backing);
            // A private mapping of the zero device moves alone.
            assertTrue(!Errno.isError(result) || (zeroDevice && result == Errno.EFAULT.result()));
            backing.answers = Moody.ALL;
            space.validate();
        }
    }
}
