// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The options of {@code openFile} by pairs. */
@ExtendWith(OneThread.class)
@DisplayName("Two options of files of the host")
final class FileOptionsTest extends HostFileFixture {
    private static final int LAST_BYTES = 100;

    /** The lengths that the hooks of all files have received. */
    private static final List<Integer> WRITTEN = new ArrayList<>();

    private static final PageHooks HOOKS = new PageHooks() {
        @Override
        public boolean beforeWrite(long offset, ByteBuffer page) {
            WRITTEN.add(page.remaining());
            return true;
        }
    };

    /** No option, and each option. */
    private static final List<OpenOption> OPTIONS = List.of(
            StandardOpenOption.READ,
            HostFileOption.NO_STEAL,
            HostFileOption.DIRECT,
            HOOKS,
            HostFileOption.EXLOCK,
            HostFileOption.SHLOCK);

    /** Whether a file that is open with the option of the row may be opened with the option of the column. */
    private static final List<String> WHILE_OPEN = List.of(
            "y.y...", // none
            "yyy...", // NO_STEAL
            "y.y...", // DIRECT
            "y.yy..", // hooks
            "y.y.y.", // EXLOCK
            "y.y..y"); // SHLOCK

    /**
     * Whether a file that its last close could not save, and that was open with the option of the row, may be opened
     * with the option of the column. It keeps its lock, or has none.
     */
    private static final List<String> UNSAVED = List.of("yyyy..", "yyyy..", "yyyy..", "yyyy..", "y.y.y.", "y.y..y");

    static Stream<Arguments> pairs() {
        return IntStream.range(0, OPTIONS.size())
                .boxed()
                .flatMap(row -> IntStream.range(0, OPTIONS.size()).mapToObj(column -> Arguments.of(row, column)));
    }

    private static OpenOption[] with(int... places) {
        Set<OpenOption> options = new LinkedHashSet<>(List.of(RW));
        for (int place : places) {
            options.add(OPTIONS.get(place));
        }
        return options.toArray(OpenOption[]::new);
    }

    /** Opens a file and returns whether that was permitted; closes it again. */
    private boolean isPermitted(Path path, int place) {
        try {
            open(path, with(place)).close();
            return true;
        } catch (MmException refused) {
            assertEquals(Errno.EBUSY, refused.errno());
            return false;
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    @DisplayName("of two opens agree, or the second open is refused; afterwards a lock for one is possible")
    void opens(int first, int second) throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, with(first));
        assertEquals(WHILE_OPEN.get(first).charAt(second) == 'y', isPermitted(path, second));
        file.close();
        open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.EXLOCK)
                .close();
    }

    @ParameterizedTest
    @MethodSource("pairs")
    @DisplayName("of an open decide what is on the host before a save, and what its hooks see")
    void writes(int one, int other) throws Exception {
        Path path = write("f", 3 * PAGE_BYTES + LAST_BYTES);
        if (one != other && Math.min(one, other) == OPTIONS.indexOf(HostFileOption.EXLOCK)) {
            assertThrows(IllegalArgumentException.class, () -> open(path, with(one, other)));
            return;
        }
        List<OpenOption> options = List.of(with(one, other));
        HostFile file = open(path, with(one, other));
        WRITTEN.clear();
        assertEquals(PAGE, file.pwrite(ByteBuffer.allocate(PAGE_BYTES), PAGE));
        boolean isHeld = options.contains(HostFileOption.NO_STEAL) || options.contains(HOOKS);
        boolean isWritten = options.contains(HostFileOption.DIRECT) && !isHeld;
        assertEquals(isWritten ? 0 : STAMP + 1, number(path, PAGE), "before the save");
        assertEquals(8, file.pwrite(bytes(7), 3 * PAGE));
        assertEquals(List.of(), WRITTEN);
        assertEquals(0, file.fsync());
        assertEquals(0, number(path, PAGE));
        assertEquals(7, number(path, 3 * PAGE));
        assertEquals(options.contains(HOOKS) ? List.of(PAGE_BYTES, LAST_BYTES) : List.of(), WRITTEN);
        file.close();
    }

    @ParameterizedTest
    @MethodSource("pairs")
    @DisplayName("of a close that fails and the next open: it may change hooks and NO_STEAL, but not the lock")
    void unsaved(int first, int second) throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, with(first));
        assertEquals(8, file.pwrite(bytes(1), 0));
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.WRITE) {
                throw new IOException("Input/output error");
            }
        };
        file.close();
        assertEquals(1, fixture.reports.size());
        assertEquals(UNSAVED.get(first).charAt(second) == 'y', isPermitted(path, second));
        channels.failure = (call, offset, length) -> {};
        open(path, RW).close();
        assertEquals(1, number(path, 0));
        fixture.reports.clear();
    }

    @Test
    @DisplayName("hooks of two files: a hook that has saved the other file still may not use its own")
    void hooksWithinHooks() throws Exception {
        List<Throwable> refused = new ArrayList<>();
        HostFile[] files = new HostFile[2];
        PageHooks outer = new PageHooks() {
            @Override
            public boolean beforeWrite(long offset, ByteBuffer page) {
                assertEquals(0, files[1].fsync());
                refused.add(assertThrows(IllegalStateException.class, () -> files[0].fadvise(0, 0, 0)));
                return true;
            }
        };
        files[0] = open(write("a", PAGE_BYTES), StandardOpenOption.READ, StandardOpenOption.WRITE, outer);
        files[1] = open(write("b", PAGE_BYTES), StandardOpenOption.READ, StandardOpenOption.WRITE, HOOKS);
        assertEquals(8, files[0].pwrite(bytes(1), 0));
        assertEquals(8, files[1].pwrite(bytes(2), 0));
        assertEquals(0, files[0].fsync());
        assertEquals(1, refused.size());
        assertTrue(String.valueOf(refused.get(0).getMessage()).contains("hook"), refused::toString);
        files[1].close();
        files[0].close();
    }
}
