// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A backing that refuses, or throws, at one of the opens that an operation requests, at each in turn. */
final class BackingRefusalTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int READ_WRITE = READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    /** Thrown only by the backing. */
    private static final class Thrown extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** An {@link Error} that only the backing throws. */
    private static final class ThrownError extends Error {
        private static final long serialVersionUID = 1;
    }

    /** What a backing does instead of an open. */
    private enum Instead {
        REFUSE,
        THROW,
        THROW_AN_ERROR
    }

    private static final class Refusing extends CountingBacking {
        private int agreesTo = Integer.MAX_VALUE;
        private Instead instead = Instead.REFUSE;
        private int asked;

        Refusing() {
            super("/refusing", 1);
        }

        @Override
        protected @Nullable Errno askedForOpen(Vma vma) {
            asked++;
            if (agreesTo-- > 0) {
                return null;
            }
            switch (instead) {
                case THROW -> throw new Thrown();
                case THROW_AN_ERROR -> throw new ThrownError();
                case REFUSE -> {}
            }
            return Errno.EIO;
        }
    }

    /** An operation on a {@linkplain #prepare prepared} space. */
    @FunctionalInterface
    private interface Call {
        long on(AddressSpace space, CountingBacking backing);
    }

    /**
     * An operation.
     *
     * @param name the name of the test
     * @param opens the number of opens that it needs
     * @param call performs it
     */
    private record Row(String name, int opens, Call call) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static long page(int number) {
        return PLACE + number * PAGE;
    }

    private static long map(AddressSpace space, int page, int pages, int rights, int type, CountingBacking backing) {
        return space.mmap(page(page), pages * PAGE, rights, type | Mman.FIXED, backing, page * PAGE);
    }

    /**
     * Maps private pages 0 to 7, read-only pages 8 to 15, shared pages 20 to 27, and charged memory at pages 30 to 33.
     */
    private static void prepare(AddressSpace space, CountingBacking backing) {
        map(space, 0, 8, READ_WRITE, Mman.PRIVATE, backing);
        map(space, 8, 8, READ, Mman.PRIVATE, backing);
        map(space, 20, 8, READ_WRITE, Mman.SHARED, backing);
        space.mmap(page(30), 4 * PAGE, READ_WRITE, FIXED | Mman.ANONYMOUS, null, 0);
    }

    private static Stream<Row> rows() {
        return Stream.of(
                new Row("mmap", 1, (space, backing) -> space.mmap(0, PAGE, READ, Mman.SHARED, backing, 0)),
                new Row("mmap over others, inside of one", 2, (space, backing) -> {
                    return map(space, 3, 2, READ, Mman.SHARED, backing);
                }),
                new Row("mmap over parts of others and holes", 1, (space, backing) -> {
                    return map(space, 10, 8, READ, Mman.SHARED, backing);
                }),
                new Row("anonymous mmap inside of one", 1, (space, backing) -> {
                    return space.mmap(page(3), PAGE, READ_WRITE, FIXED | Mman.ANONYMOUS, null, 0);
                }),
                new Row("munmap inside of one", 1, (space, backing) -> space.munmap(page(3), 2 * PAGE)),
                new Row("mprotect inside of one", 2, (space, backing) -> space.mprotect(page(3), PAGE, READ)),
                new Row("mprotect inside of two", 2, (space, backing) -> {
                    return space.mprotect(page(4), 8 * PAGE, Mman.NONE);
                }),
                new Row("madvise inside of one", 2, (space, backing) -> {
                    return space.madvise(page(3), PAGE, Mman.DONTFORK);
                }),
                new Row("mlock inside of one", 2, (space, backing) -> space.mlock(page(3), PAGE)),
                new Row("mseal of the head of one", 1, (space, backing) -> space.mseal(page(0), PAGE, 0)),
                new Row("mremap that moves one", 1, (space, backing) -> {
                    return space.mremap(page(0), 8 * PAGE, 8 * PAGE, MOVE_TO, page(50));
                }),
                new Row("mremap that moves the middle of one over another", 2, (space, backing) -> {
                    return space.mremap(page(2), 2 * PAGE, 2 * PAGE, MOVE_TO, page(20));
                }),
                new Row("mremap that moves two", 2, (space, backing) -> {
                    return space.mremap(page(0), 16 * PAGE, 16 * PAGE, MOVE_TO, page(50));
                }),
                new Row("mremap that shrinks and moves", 1, (space, backing) -> {
                    return space.mremap(page(0), 8 * PAGE, 4 * PAGE, MOVE_TO, page(30));
                }),
                new Row("mremap that duplicates", 1, (space, backing) -> {
                    return space.mremap(page(20), 0, 4 * PAGE, Mman.MAYMOVE, 0);
                }),
                new Row("mremap that leaves the old one", 1, (space, backing) -> {
                    return space.mremap(page(0), 8 * PAGE, 8 * PAGE, MOVE_TO | Mman.DONTUNMAP, page(50));
                }),
                new Row("fork", 3, (space, backing) -> {
                    space.fork().close();
                    return 0;
                }),
                new Row("load", 3, (space, backing) -> {
                    List<Vma> described = space.snapshot().vmas();
                    space.machine()
                            .space(Geometry.LINUX_X86_64)
                            .load(described)
                            .build()
                            .close();
                    return 0;
                }));
    }

    private static String state(AddressSpace space) {
        return LayoutText.of(space) + space.usage() + ", committed "
                + space.machine().committed();
    }

    private static long result(Row row, AddressSpace space, CountingBacking backing) {
        try {
            return row.call().on(space, backing);
        } catch (MmException refused) {
            assertTrue(row.name().equals("fork") || row.name().equals("load"), "throws");
            return refused.errno().result();
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    @DisplayName("a refused open is the answer, nothing is changed, and all that was opened for it is closed")
    void refused(Row row) throws InterruptedException {
        everyOpen(row, Instead.REFUSE);
    }

    @ParameterizedTest
    @MethodSource("rows")
    @DisplayName(
            "an exception of an open is thrown to the caller, nothing changes, and all opens of the call are closed")
    void thrown(Row row) throws InterruptedException {
        everyOpen(row, Instead.THROW);
        everyOpen(row, Instead.THROW_AN_ERROR);
    }

    private static void everyOpen(Row row, Instead instead) throws InterruptedException {
        for (int agreesTo = 0; agreesTo < row.opens(); agreesTo++) {
            List<Object> reports = new ArrayList<>();
            Machine machine = Machine.builder()
                    .commitLimit(100 * PAGE)
                    .reportTo(reports::add)
                    .build();
            AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
            Refusing backing = new Refusing();
            prepare(space, backing);
            assertEquals(3, backing.stillOpen());
            String before = state(space);
            backing.agreesTo = agreesTo;
            backing.instead = instead;
            backing.asked = 0;
            switch (instead) {
                case REFUSE -> assertEquals(Errno.EIO.result(), result(row, space, backing));
                case THROW -> assertThrows(Thrown.class, () -> result(row, space, backing));
                case THROW_AN_ERROR -> assertThrows(ThrownError.class, () -> result(row, space, backing));
            }
            machine.awaitQuiescence();
            assertEquals(before, state(space), "after " + agreesTo + " opens");
            assertEquals(3, backing.stillOpen());
            assertEquals(agreesTo, backing.closes());
            assertEquals(agreesTo + 1, backing.asked, "asked on after a refusal");
            space.validate();
            backing.agreesTo = Integer.MAX_VALUE;
            int opens = backing.opens();
            assertFalse(Errno.isError(result(row, space, backing)), "once more");
            assertEquals(row.opens(), backing.opens() - opens);
            space.validate();
            space.close();
            machine.awaitQuiescence();
            assertEquals(0, backing.stillOpen());
            assertEquals(0, machine.committed());
            assertEquals(List.of(), reports);
        }
    }

    @Test
    @DisplayName("an operation that needs no open asks for none: growth, a shrink, a change of rights or a merge")
    void noneNeeded() {
        Machine machine = Machine.builder().build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        Refusing backing = new Refusing();
        prepare(space, backing);
        backing.agreesTo = 0;
        assertEquals(0, space.mprotect(page(8), 8 * PAGE, READ_WRITE), "joined");
        assertEquals(page(16), map(space, 16, 4, READ_WRITE, Mman.PRIVATE, backing), "joined");
        assertEquals(page(20), space.mremap(page(20), 8 * PAGE, 10 * PAGE, 0, 0));
        assertEquals(page(20), space.mremap(page(20), 10 * PAGE, 2 * PAGE, 0, 0));
        assertEquals(0, space.mprotect(page(0), 20 * PAGE, READ));
        assertEquals(0, space.munmap(page(0), 2 * PAGE));
        assertEquals(3, backing.opens());
        space.validate();
    }
}
