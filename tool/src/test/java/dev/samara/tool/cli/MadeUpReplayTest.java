// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.tool.MadeUpTrace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Replays made-up traces of calls that the format allows but no bundled recording contains, with Linux's results. */
@Tag("comparison")
final class MadeUpReplayTest {
    private static final String ANONYMOUS = "prot=rw- flags=PRIVATE|ANONYMOUS fd=-1 off=0x0";
    private static final String LINE = "%s 00000000 00:01 %d                         /dev/zero (deleted)";

    @TempDir
    private Path folder;

    @Test
    @DisplayName("System V segments: attached, shown with their id as inode, detached, inherited by a first snapshot")
    void segments() throws IOException {
        passes(new MadeUpTrace()
                .lines(
                        "op 0 1 shmat shmid=5 addr=0x0 flags=0x0 size=0x2fff = 0x7ffff7ffc000",
                        "op 1 1 shmat shmid=5 addr=0x10000000 flags=RDONLY size=0x2fff = 0x10000000",
                        "op 2 1 shmat shmid=6 addr=0x0 flags=0x0 = -EINVAL")
                .shows("10000000-10003000 r--s 00000000 00:01 5        /SYSV00000000 (deleted)", "rd mr me ms")
                .shows(
                        "7ffff7ffc000-7ffff7fff000 rw-s 00000000 00:01 5 /SYSV00000000 (deleted)",
                        "rd wr sh mr mw me ms")
                .snapshot(3, "periodic")
                .lines("op 3 1 shmdt addr=0x7ffff7ffc000 = 0", "op 4 1 shmdt addr=0x7ffff7ffc000 = -EINVAL"));
        passes(new MadeUpTrace()
                .shows("7ffff7ffc000-7ffff7ffd000 r--s 00000000 00:01 5 /SYSV0000abcd (deleted)", "rd sh mr mw me ms")
                .shows(
                        "7ffff7ffd000-7ffff7fff000 rw-s 00001000 00:01 5 /SYSV0000abcd (deleted)",
                        "rd wr sh mr mw me ms")
                .snapshot(0, "fork")
                .lines("op 0 1 shmdt addr=0x7ffff7ffc000 = 0")
                .hides("7ffff7ff")
                .snapshot(1, "exit"));
    }

    @Test
    @DisplayName("the inode of an anonymous shared mapping is learnt once, and stays one to one")
    void sharedObjects() throws IOException {
        String shared = "prot=rw- flags=SHARED|ANONYMOUS fd=-1 off=0x0";
        String one = "7ffff7ffd000-7ffff7ffe000 rw-s";
        String two = "7ffff7ffe000-7ffff7fff000 rw-s";
        MadeUpTrace trace = new MadeUpTrace()
                .lines(
                        "op 0 1 mmap addr=0x0 len=0x1000 " + shared + " = 0x7ffff7ffe000",
                        "op 1 1 mmap addr=0x0 len=0x1000 " + shared + " = 0x7ffff7ffd000")
                .shows(String.format(LINE, one, 12), "rd wr sh mr mw me ms")
                .shows(String.format(LINE, two, 11), "rd wr sh mr mw me ms")
                .snapshot(2, "exec-enter");
        passes(trace);
        Path swapped = trace.hides("7ffff7ff")
                .shows(String.format(LINE, one, 11), "rd wr sh mr mw me ms")
                .shows(String.format(LINE, two, 12), "rd wr sh mr mw me ms")
                .snapshot(2, "exit")
                .write(folder.resolve("swapped.trace.gz"));
        assertEquals(2, ToolRun.of("replay", swapped).differences().size());
    }

    @Test
    @DisplayName("a call whose thread was killed before it began is not made; one that was made is compared")
    void killed() throws IOException {
        passes(new MadeUpTrace()
                .lines(
                        "op 0 1 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = -ENOSYS killed",
                        "op 1 1 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = -EINTR killed",
                        "op 2 1 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = 0x7ffff7ffe000 killed",
                        "op 3 1 munmap addr=0x1 len=0x1000 = -EINVAL killed")
                .shows("7ffff7ffe000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac")
                .snapshot(4, "exit")
                .lines("end vanished"));
    }

    @Test
    @DisplayName("mlockall locks later mappings, munlockall undoes it; mseal protects its range")
    void lockingAndSealing() throws IOException {
        passes(new MadeUpTrace()
                .lines(
                        "op 0 1 mlockall flags=FUTURE = 0",
                        "op 1 1 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = 0x7ffff7ffe000",
                        "op 2 1 mlockall flags=0x8 = -EINVAL")
                .shows("7ffff7ffe000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me lo ac")
                .snapshot(3, "exec-enter")
                .lines(
                        "op 3 1 execve path=/no\\040such = -ENOENT",
                        "op 4 1 munlockall = 0",
                        "op 5 1 mlock addr=0x7ffff7ffe000 len=0x1 = 0",
                        "op 6 1 munlock addr=0x7ffff7ffe000 len=0x1 = 0",
                        "op 7 1 mlock2 addr=0x7ffff7ffe000 len=0x1 flags=ONFAULT = 0",
                        "op 8 1 mseal addr=0x7ffff7ffe000 len=0x1000 flags=0x0 = 0",
                        "op 9 1 munmap addr=0x7ffff7ffe000 len=0x1000 = -EPERM")
                .hides("7ffff7ffe000-")
                .shows("7ffff7ffe000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me lo lf ac sl")
                .snapshot(10, "exit"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "io_setup nr=0x10 = -EAGAIN",
                "io_destroy ctx=0x0 = -EINVAL",
                "mbind addr=0x400000 len=0x1000 mode=0x2 flags=0x0 = -EINVAL",
                "mbind addr=0x400000 len=0x1000 mode=0x0 flags=0x0 = 0",
                "remap_file_pages addr=0x400000 len=0x1000 prot=--- pgoff=0x0 flags=0x0 = -EINVAL",
                "process_madvise pidfd=3 advice=COLD flags=0x0 = 4096",
                "process_madvise pidfd=3 advice=DONTFORK flags=0x0 = -EINVAL",
                "personality persona=0xffffffff = 0",
                "personality persona=0x40000 = 0",
                "pkey_alloc flags=0x0 access=0x0 = 1",
                "pkey_free pkey=1 = 0",
                "pkey_mprotect addr=0x400000 len=0x1000 prot=r-x pkey=-1 = 0",
                "pkey_mprotect addr=0x400000 len=0x1000 prot=r-x pkey=1 = -EINVAL",
                "prctl option=0x53564d41 = -EINVAL",
                "prctl option=42 = 0",
                "fork flags=0x1200011 = -EAGAIN",
                "execve path=/bin/none = -ENOENT"
            })
    @DisplayName("calls that the library does not have are passed over where they failed or change no layout")
    void passedOver(String call) throws IOException {
        passes(new MadeUpTrace().lines("op 0 1 " + call).snapshot(1, "exit"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "io_setup nr=0x10 = 0",
                "io_destroy ctx=0x7ffff7ffe000 = 0",
                "mbind addr=0x400000 len=0x1000 mode=0x2 flags=0x0 = 0",
                "remap_file_pages addr=0x400000 len=0x1000 prot=--- pgoff=0x0 flags=0x0 = 0",
                "process_madvise pidfd=3 advice=DONTFORK flags=0x0 = 4096",
                "personality persona=0x400000 = 0",
                "pkey_mprotect addr=0x400000 len=0x1000 prot=r-x pkey=1 = 0",
                "prctl option=0x53564d41 = 0"
            })
    @DisplayName("where they do change the layout, the file fails")
    void unsupported(String call) throws IOException {
        Path file = new MadeUpTrace().lines("op 0 1 " + call).write(folder.resolve("foreign.trace.gz"));
        int equals = call.lastIndexOf(" = ");
        assertEquals(
                List.of(file + ":25: " + call.substring(0, equals) + ": kernel " + call.substring(equals + 3)
                        + ", Samara does not support " + call.substring(0, call.indexOf(' '))),
                ToolRun.of("replay", file).differences());
    }

    @Test
    @DisplayName("limits belong to a process: a vfork child's own bind neither its parent nor others")
    void limits() throws IOException {
        passes(new MadeUpTrace()
                .lines(
                        "ev 0 1 vfork child=2 flags=0x4111",
                        "op 1 2 prlimit64 pid=0 resource=9 new=0x1000 = 0",
                        "op 2 2 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = -ENOMEM",
                        "op 3 1 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = 0x7ffff7ffe000",
                        "op 4 1 prlimit64 pid=1 resource=9 new=0x0 = 0",
                        "op 5 1 prlimit64 pid=0 resource=9 = 0",
                        "ev 6 1 thread child=3 flags=0x3d0f00",
                        "op 7 3 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = 0x7ffff7ffd000",
                        "op 8 3 setrlimit resource=2 new=0x1000 = 0",
                        "op 9 1 mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = -ENOMEM",
                        "ev 10 2 exec-enter path=/bin/x",
                        "ev 11 2 exec-ok new-mm=2",
                        "ev 12 1 exit status=0x0"));
    }

    @Test
    @DisplayName("a stack that a snapshot shows longer has grown by faults, within its limit")
    void stackGrowth() throws IOException {
        passes(new MadeUpTrace()
                .stackFrom("7fffffe00000")
                .snapshot(0, "exec")
                .lines("op 0 1 brk addr=0x0 = 0x555555694000"));
        passes(grown("7fffffe00000"));
        Path file = grown("7fffff000000").write(folder.resolve("tall.trace.gz"));
        assertEquals(
                file + ":27: growth of the stack by faults: kernel 0x7fffff000000, Samara -ENOMEM",
                ToolRun.of("replay", file).differences().get(0));
    }

    @Test
    @DisplayName(
            "a child's mappings are placed by the stack limit of the last exec, not by the one that it was born with")
    void stackLimitAfterExec() throws IOException {
        String call = " mmap addr=0x0 len=0x1000 " + ANONYMOUS + " = 0x7ffff7ff";
        String limit = "0x40000000";
        new MadeUpTrace()
                .lines(
                        "op 0 1 prlimit64 pid=0 resource=3 new=" + limit + " = 0",
                        "op 1 1" + call + "e000",
                        "ev 2 1 fork child=2 flags=0x11 child-mm=2")
                .write(folder.resolve("001.trace.gz"));
        MadeUpTrace child = new MadeUpTrace()
                .header("mm", "2")
                .header("origin", "fork parent-mm=1 parent-seq=2")
                .header("rlimit STACK", limit)
                .shows("7ffff7ffe000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac");
        child.lines("op 0 2" + call + "d000", "ev 1 2 fork child=3 flags=0x11 child-mm=3")
                .write(folder.resolve("002.trace.gz"));
        MadeUpTrace grandchild = new MadeUpTrace()
                .header("mm", "3")
                .header("origin", "fork parent-mm=2 parent-seq=1")
                .header("rlimit STACK", limit)
                .shows("7ffff7ffd000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac");
        Path last = grandchild.lines("op 0 3" + call + "c000").write(folder.resolve("003.trace.gz"));
        for (Path path : List.of(folder, last)) {
            ToolRun run = ToolRun.of("replay", "--placement", path);
            assertEquals(List.of(), run.differences());
            assertEquals(0, run.status());
        }
        Path alone = grandchild.write(folder.resolve("alone").resolve("003.trace.gz"));
        assertEquals(1, ToolRun.of("replay", "--placement", alone).status());
    }

    @Test
    @DisplayName("a file can be mapped up to the largest offset, whatever its file system could store")
    void farOffset() throws IOException {
        String call =
                " mmap addr=0x0 len=0x1000 prot=r-- flags=PRIVATE fd=3 off=%s file=fe:00:9 size=0x800 path=/a = %s";
        passes(new MadeUpTrace()
                .lines(
                        "op 0 1" + String.format(call, "0x100000000000", "0x7ffff7ffe000"),
                        "op 1 1" + String.format(call, "0x7fffffffffffe000", "0x7ffff7ffd000"),
                        "op 2 1" + String.format(call, "0x7ffffffffffff000", "-EOVERFLOW")));
    }

    private static MadeUpTrace grown(String start) {
        return new MadeUpTrace().snapshot(0, "exec").stackFrom(start).snapshot(0, "periodic");
    }

    @Test
    @DisplayName("a shared file that a later snapshot shows without sh and mw was open for reading only")
    void readOnlyOpen() throws IOException {
        String call =
                "mmap addr=0x0 len=0x1000 prot=r-- flags=SHARED fd=3 off=0x0 file=fe:00:9 size=0x800 path=/a\\040b";
        String maps = "7ffff7ffe000-7ffff7fff000 r--s 00000000 fe:00 9 /a b";
        String raise = "op 1 1 mprotect addr=0x7ffff7ffe000 len=0x1000 prot=rw- = ";
        passes(new MadeUpTrace()
                .lines("op 0 1 " + call + " = 0x7ffff7ffe000", raise + "-EACCES")
                .shows(maps, "rd mr me ms")
                .snapshot(2, "exit"));
        passes(new MadeUpTrace()
                .lines("op 0 1 " + call + " = 0x7ffff7ffe000", raise + "0", raise.replace("op 1", "op 2") + "0")
                .shows(maps.replace("r--s", "rw-s"), "rd wr sh mr mw me ms")
                .snapshot(3, "exit"));
    }

    @Test
    @DisplayName("ac is open for private anonymous pages that were made non-writable, wherever they moved; else not")
    void accounted() throws IOException {
        for (String flags : List.of("rd mr mw me", "rd mr mw me ac")) {
            passes(protectedAndMoved(flags));
        }
        Path wrong = protectedAndMoved("rd mr mw me ac")
                .hides("7ffff7ffe000")
                .shows("7ffff7ffe000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me")
                .snapshot(5, "exit")
                .write(folder.resolve("unaccounted.trace.gz"));
        assertEquals(
                List.of("snapshot 5 (exit): 7ffff7ffe000-7ffff7fff000: kernel rd wr mr mw me, "
                        + "Samara rd wr mr mw me ac"),
                ToolRun.of("replay", wrong).differences().stream()
                        .map(line -> line.substring(line.indexOf("snapshot")))
                        .toList());
    }

    private static MadeUpTrace protectedAndMoved(String flags) {
        return new MadeUpTrace()
                .lines(
                        "op 0 1 mmap addr=0x0 len=0x2000 " + ANONYMOUS + " = 0x7ffff7ffd000",
                        "op 1 1 mprotect addr=0x7ffff7ffd000 len=0x1000 prot=r-- = 0",
                        "op 2 1 mremap addr=0x7ffff7ffd000 oldlen=0x1000 newlen=0x1000 flags=MAYMOVE|FIXED "
                                + "newaddr=0x10000000 = 0x10000000",
                        "op 3 1 mmap addr=0x7ffff7ffd000 len=0x1000 " + ANONYMOUS.replace("ANON", "FIXED|ANON")
                                + " = 0x7ffff7ffd000",
                        "op 4 1 mremap addr=0x7ffff7ffd000 oldlen=0x1000 newlen=0x2000 flags=MAYMOVE newaddr=0x0 "
                                + "= 0x7ffff7ffb000")
                .shows("10000000-10001000 r--p 00000000 00:00 0 ", flags)
                .shows("7ffff7ffb000-7ffff7ffd000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac")
                .shows("7ffff7ffe000-7ffff7fff000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac")
                .snapshot(5, "exec-enter");
    }

    /** Replays a trace in both modes of placement, with and without readers. */
    private void passes(MadeUpTrace trace) throws IOException {
        Path file = trace.write(folder.resolve("made-up.trace.gz"));
        for (ToolRun run : List.of(ToolRun.of("replay", "--placement", file), ToolRun.besideReaders(file))) {
            assertEquals(List.of(), run.err());
            assertEquals(List.of(), run.differences());
            assertTrue(run.out().contains("1 passed, 0 failed"), run.out()::toString);
        }
    }
}
