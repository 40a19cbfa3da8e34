// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFileCount;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests numbers that are reserved for opens that wait. */
final class DescriptorTableTest {
    private final DescriptorTable table = new DescriptorTable();

    private static GuestFile file() {
        return ProcFile.ofText("text", 0, 0444, 7, new Object(), () -> new byte[0]);
    }

    @Test
    @DisplayName("no file gets a reserved number but that for which it is, and a copy has it free")
    void reserved() {
        assertEquals(0, table.reserve(GuestLimits.DESCRIPTORS));
        assertEquals(1, table.add(file(), false, 0));
        assertNull(table.get(0));
        assertEquals(LinuxErrno.EBADF, table.close(0));
        assertEquals(LinuxErrno.EBUSY, table.put(0, file(), false));
        assertEquals(0, table.copy().add(file(), false, 0));
        table.fill(0, file(), false);
        table.endReserve(0);
        assertEquals(List.of(0, 1), table.numbers());
        assertEquals(0, table.put(0, file(), false));
        assertEquals(0, table.close(0));
        assertEquals(0, table.add(file(), false, 0));
    }

    @Test
    @DisplayName("a number of an open that has failed is free again, and the last one is reserved for one open")
    void failed() {
        assertEquals(0, table.reserve(GuestLimits.DESCRIPTORS));
        table.endReserve(0);
        for (int i = 0; i < GuestLimits.DESCRIPTORS - 1; i++) {
            assertEquals(i, table.add(file(), false, 0));
        }
        assertEquals(GuestLimits.DESCRIPTORS - 1, table.reserve(GuestLimits.DESCRIPTORS));
        assertEquals(LinuxErrno.EMFILE, table.reserve(GuestLimits.DESCRIPTORS));
        assertEquals(LinuxErrno.EMFILE, table.add(file(), false, 0));
    }

    /** A file whose close fails. */
    private static final class FailingFile extends GuestFile {
        private final OutOfMemoryError failure;
        private int closes;

        FailingFile(OutOfMemoryError failure) {
            super("failing", 0);
            this.failure = failure;
        }

        @Override
        void close() {
            closes++;
            throw failure;
        }

        @Override
        public FileStatus status() {
            return FileStatus.of(0, 0, 0);
        }
    }

    @Test
    @DisplayName("a file whose close fails keeps no other file open, and counts as open no more")
    void failingClose() {
        OutOfMemoryError failure = new OutOfMemoryError("by the test");
        OpenFileCount count = new OpenFileCount(3);
        List<FailingFile> files =
                Stream.generate(() -> new FailingFile(failure)).limit(3).toList();
        for (FailingFile each : files) {
            assertTrue(each.countIn(count));
            table.add(each, true, 0);
        }
        assertSame(failure, assertThrows(OutOfMemoryError.class, table::exec));
        files.forEach(each -> assertEquals(1, each.closes));
        assertEquals(0, count.number());
    }
}
