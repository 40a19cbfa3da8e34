// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.mman.Resource;
import dev.samara.tool.Recordings;
import dev.samara.tool.record.MemoryCall.Brk;
import dev.samara.tool.record.MemoryCall.LimitChange;
import dev.samara.tool.record.MemoryCall.Madvise;
import dev.samara.tool.record.MemoryCall.Mlock;
import dev.samara.tool.record.MemoryCall.Mlock2;
import dev.samara.tool.record.MemoryCall.Mlockall;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.record.MemoryCall.Mprotect;
import dev.samara.tool.record.MemoryCall.Mremap;
import dev.samara.tool.record.MemoryCall.Mseal;
import dev.samara.tool.record.MemoryCall.Msync;
import dev.samara.tool.record.MemoryCall.Munlock;
import dev.samara.tool.record.MemoryCall.Munlockall;
import dev.samara.tool.record.MemoryCall.Munmap;
import dev.samara.tool.record.MemoryCall.Shmat;
import dev.samara.tool.record.MemoryCall.Shmdt;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CallParserTest {
    @TempDir
    private Path folder;

    static Stream<Arguments> calls() {
        FileIdentity file = new FileIdentity(0xfe, 0x10, 18446744073709551L, "/a b\\");
        return Stream.of(
                Arguments.of(
                        "mmap addr=0x1 len=0xffffffffffffffff prot=-wx|0x1000008 flags=TYPE0x4|FIXED|0x8000000 fd=-1"
                                + " off=0x3",
                        new Mmap(1, -1, 0x100000e, 0x8000014, 3, "-1", null, -1)),
                Arguments.of(
                        "mmap addr=0x0 len=0x2 prot=r-- flags=SHARED_VALIDATE|32BIT|STACK|LOCKED|POPULATE fd=7 off=0x0"
                                + " file=fe:10:18446744073709551 size=0x31d38 path=/a\\040b\\134",
                        new Mmap(0, 2, 1, 0x2a043, 0, "7", file, 0x31d38)),
                Arguments.of(
                        "mmap addr=0x0 len=0x2 prot=--- flags=TYPE0|ANONYMOUS|HUGETLB fd=9999 off=0x0 file=00:01:5"
                                + " size=0x1",
                        new Mmap(0, 2, 0, 0x40020, 0, "9999", new FileIdentity(0, 1, 5, "00:01:5"), 1)),
                Arguments.of("munmap addr=0x7fff len=0x0", new Munmap(0x7fff, 0)),
                Arguments.of("mprotect addr=0x1 len=0x2 prot=rwx", new Mprotect(1, 2, 7)),
                Arguments.of("pkey_mprotect addr=0x1 len=0x2 prot=r-- pkey=-1", new Mprotect(1, 2, 1)),
                Arguments.of(
                        "mremap addr=0x1 oldlen=0x2 newlen=0x3 flags=MAYMOVE|FIXED|DONTUNMAP|0x8 newaddr=0x4",
                        new Mremap(1, 2, 3, 15, 4)),
                Arguments.of("mremap addr=0x1 oldlen=0x2 newlen=0x3 flags=0 newaddr=0x0", new Mremap(1, 2, 3, 0, 0)),
                Arguments.of("brk addr=0x5", new Brk(5)),
                Arguments.of("madvise addr=0x1 len=0x2 advice=GUARD_INSTALL", new Madvise(1, 2, 102)),
                Arguments.of("madvise addr=0x1 len=0x2 advice=77", new Madvise(1, 2, 77)),
                Arguments.of("msync addr=0x1 len=0x2 flags=ASYNC|INVALIDATE|SYNC|0x8", new Msync(1, 2, 15)),
                Arguments.of("mlock addr=0x1 len=0x2", new Mlock(1, 2)),
                Arguments.of("mlock2 addr=0x1 len=0x2 flags=0x1", new Mlock2(1, 2, 1)),
                Arguments.of("munlock addr=0x1 len=0x2", new Munlock(1, 2)),
                Arguments.of("mlockall flags=CURRENT|ONFAULT", new Mlockall(5)),
                Arguments.of("munlockall", new Munlockall()),
                Arguments.of("mseal addr=0x1 len=0x2 flags=0x4", new Mseal(1, 2, 4)),
                Arguments.of("shmat shmid=3 addr=0x1 flags=RND|EXEC|0x1 size=0x10", new Shmat(3, 1, 0xa001, 16)),
                Arguments.of("shmat shmid=3 addr=0x0 flags=0x0", new Shmat(3, 0, 0, 0)),
                Arguments.of("shmdt addr=0x1", new Shmdt(1)),
                Arguments.of("prlimit64 pid=0 resource=2 new=0x1", new LimitChange(Resource.DATA, 1L, true)),
                Arguments.of(
                        "prlimit64 pid=1 resource=3 new=0xffffffffffffffff",
                        new LimitChange(Resource.STACK, -1L, false)),
                Arguments.of("setrlimit resource=8 new=0x2", new LimitChange(Resource.MEMLOCK, 2L, true)),
                Arguments.of("prlimit64 pid=0 resource=9", new LimitChange(Resource.AS, null, true)),
                Arguments.of("prlimit64 pid=0 resource=7 new=0x1", new LimitChange(null, 1L, true)));
    }

    @ParameterizedTest
    @MethodSource("calls")
    @DisplayName("every call, with its arguments as they were passed")
    void everyCall(String text, MemoryCall call) throws IOException, InputException {
        assertEquals(call, parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE fd=3",
                "mmap addr=0x0 len=0x2 prot=rx flags=PRIVATE fd=3 off=0x0",
                "mmap addr=0x0 len=0x2 prot=rxw flags=PRIVATE fd=3 off=0x0",
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE|WHAT fd=3 off=0x0",
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE fd=3 off=0x0 file=fe:00 path=/x",
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE fd=3 off=0x0 file=fe:00:1 path=/x\\09",
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE fd=3 off=0x0 file=fe:00:1 path=",
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE fd=3 off=0x0 file=-1:00:1 path=/x",
                "mmap addr=0x0 len=0x2 prot=r-- flags=PRIVATE fd=3 off=0x0 file=fe:ffffffff:1 path=/x",
                "munmap addr=0x len=0x1",
                "munmap addr=+0x1000 len=0x1",
                "madvise addr=0x0 len=0x1 advice=WHAT",
                "mlock3 addr=0x0 len=0x1",
                "what addr=0x0"
            })
    @DisplayName("a call that makes no sense is complained about with its file and line")
    void malformed(String text) {
        InputException complaint = assertThrows(InputException.class, () -> parse(text));
        assertEquals(0, String.valueOf(complaint.getMessage()).indexOf(folder.resolve("call.gz") + ":1: "));
    }

    @ParameterizedTest
    @CsvSource({
        "0x7ffff7ffe000, false, 140737354129408, false",
        "0, false, 0, false",
        "4096, false, 4096, false",
        "-EINVAL, true, 0, false",
        "-ENOENT, true, 0, false",
        "-ENOSYS, true, 0, false",
        "-ENOSYS killed, true, 0, true",
        "-EINTR killed, true, 0, true",
        "-EFAULT killed, true, 0, false",
        "0 killed, false, 0, false"
    })
    @DisplayName("results: addresses, numbers, errors, and those of killed threads")
    void outcomes(String text, boolean failed, long value, boolean never) throws IOException, InputException {
        try (RecordedLines lines = open("op 0 1 munlockall = " + text)) {
            String[] words = lines.require("nothing").split(" ", -1);
            Outcome outcome = Fields.ofCall(lines, Notation.ABSOLUTE, words, 3).outcome();
            assertEquals(failed, outcome.failed());
            assertEquals(value, outcome.value());
            assertEquals(never, outcome.neverTookPlace());
        }
    }

    @Test
    @DisplayName("a high bit that 32 bits cannot hold stays unknown to the call")
    void highBits() throws IOException, InputException {
        Mremap call = (Mremap) parse("mremap addr=0x1 oldlen=0x2 newlen=0x3 flags=MAYMOVE|0x100000000 newaddr=0x0");
        assertEquals(0x200001, call.flags());
    }

    private MemoryCall parse(String text) throws IOException, InputException {
        try (RecordedLines lines = open("op 0 1 " + text + " = 0")) {
            String[] words = lines.require("nothing").split(" ", -1);
            return CallParser.parse(Fields.ofCall(lines, Notation.ABSOLUTE, words, 3));
        }
    }

    private RecordedLines open(String line) throws IOException, InputException {
        return RecordedLines.open(Recordings.write(folder.resolve("call.gz"), List.of(line)));
    }
}
