// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import static dev.samara.testing.judge.Task.callRequest;

import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.judge.Judge;
import dev.samara.testing.judge.Task;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A judge in whose address space only the pages of a world are free. All other pages are mapped without rights to a
 * file that no script maps. Each script runs in a child of the judge.
 */
final class KernelWorld implements Place, AutoCloseable {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    private static final int FILLER = 600;
    private static final long FIRST_USER = 1L << 24;
    private static final int NEW_IPC = 0x0800_0000;
    private static final int CLOEXEC = 02000000;
    private static final long STACK_LIMIT = 8L << 20;

    private static final long CAPABILITY_VERSION = 0x2008_0522;
    private static final int IPC_LOCK = 14;
    private static final int SYS_RAWIO = 17;

    private final Judge judge;
    private final long base;
    private final long end;
    private final List<Area> areas;
    private final Map<Limit, Long> hardest = new EnumMap<>(Limit.class);
    private final long stack;
    private final boolean isPlaceNamed;
    private final boolean mapsZeroPage;
    private final long total;
    private final long data;

    /** The lower and the upper half of the judge's privileges. */
    private final int lower;

    private final int upper;

    KernelWorld(World world, Path directory) throws IOException {
        judge = Judge.start(Files.createTempDirectory(directory, "judge"), List.of());
        Task first = judge.first();
        mapsZeroPage = ZeroPage.isMapped(first);
        // If a script uses too much memory, only the script should be killed.
        first.askAll(List.of(
                bytes(judge.scratch(), "/proc/self/oom_score_adj\0"),
                callRequest(Kernel.OPENAT, -100, judge.scratch(), 1),
                bytes(judge.scratch(), "1000"),
                callRequest(Kernel.WRITE, 0, judge.scratch(), 4),
                callRequest(Kernel.CLOSE, 0)));
        // So that the files of a script get the descriptors from 0 on.
        first.call(Kernel.CLOSE, 2);
        // With a separate namespace, segments are removed with the judge; without the privilege, they belong to the
        // host machine.
        first.call(Kernel.UNSHARE, NEW_IPC);
        // Locked segments count for the real user, so two concurrent builds would share a limit. Unprivileged users may
        // not make this call.
        first.call(Kernel.SETRESUID, FIRST_USER + first.call(Kernel.GETPID), -1, -1);
        for (Limit limit : Limit.values()) {
            first.call(Kernel.PRLIMIT64, 0, limit.number(), 0, judge.scratch());
            ByteBuffer found = ByteBuffer.wrap(first.bytes(judge.scratch(), 2 * Long.BYTES));
            hardest.put(limit, found.order(ByteOrder.LITTLE_ENDIAN).getLong(Long.BYTES));
            first.askAll(limit(limit, limit == Limit.STACK ? STACK_LIMIT : -1));
        }
        List<Area> own = areasOf(first);
        Area stackArea = named(own, "[stack]");
        stack = stackArea.end() - Long.BYTES;
        isPlaceNamed = world == World.HEAP || world == World.STACK;
        base = world.base(judge.brk(), stackArea.start(), named(own, "[vvar]").start());
        end = base + world.pages() * GEOMETRY.pageSize();
        fill(first, own);
        areas = areasOf(first);
        String status = text(first, "/proc/self/status");
        total = amount(status, "VmSize:");
        data = amount(status, "VmData:");
        first.put(judge.scratch(), longs(CAPABILITY_VERSION));
        first.call(Kernel.CAPGET, judge.scratch(), judge.scratch() + 64);
        ByteBuffer sets = ByteBuffer.wrap(first.bytes(judge.scratch() + 64, 24)).order(ByteOrder.LITTLE_ENDIAN);
        lower = sets.getInt(4);
        upper = sets.getInt(16);
    }

    @Override
    public boolean mapsZeroPage() {
        return mapsZeroPage;
    }

    private static String text(Task task, String path) {
        return new String(task.file(path).orElseThrow(), StandardCharsets.ISO_8859_1);
    }

    static long amount(String status, String name) {
        int at = status.indexOf(name) + name.length();
        return Long.parseUnsignedLong(
                        status.substring(at, status.indexOf(" kB", at)).strip())
                << 10;
    }

    /** Returns the requests that set a limit, whose argument is as in a script; the last request is the call. */
    List<String> limit(Limit limit, long argument) {
        return List.of(
                KernelCall.put(judge.scratch(), longs(bytes(limit, argument), hardest(limit))),
                callRequest(Kernel.PRLIMIT64, 0, limit.number(), judge.scratch(), 0));
    }

    /** Returns a limit in bytes, capped at the maximum that the judge may set. */
    @Override
    public long bytes(Limit limit, long argument) {
        long bytes = limit.bytes(argument, total, data);
        return Long.compareUnsigned(bytes, hardest(limit)) < 0 ? bytes : hardest(limit);
    }

    private long hardest(Limit limit) {
        return hardest.getOrDefault(limit, -1L);
    }

    static byte[] longs(long... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long number : numbers) {
            bytes.putLong(number);
        }
        return bytes.array();
    }

    private static Area named(List<Area> areas, String name) {
        return areas.stream()
                .filter(area -> area.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("there is no " + name));
    }

    private void fill(Task task, List<Area> own) {
        task.put(judge.scratch(), "filler\0".getBytes(StandardCharsets.ISO_8859_1));
        long descriptor = task.call(Kernel.MEMFD_CREATE, judge.scratch(), 0);
        task.call(Kernel.DUP3, descriptor, FILLER, CLOEXEC);
        task.call(Kernel.CLOSE, descriptor);
        long from = 0;
        for (Area area : own) {
            if (Long.compareUnsigned(area.start(), GEOMETRY.limit()) < 0) {
                fill(task, from, area.start());
                from = area.end();
            }
        }
        fill(task, from, GEOMETRY.limit());
    }

    private void fill(Task task, long from, long to) {
        map(task, from, Math.min(to, base));
        map(task, Math.max(from, end), to);
    }

    private static void map(Task task, long from, long to) {
        if (from < to) {
            int flags = Mman.SHARED | Mman.FIXED_NOREPLACE;
            long result = task.call(Kernel.MMAP, from, to - from, 0, flags, FILLER, from);
            if (result != from) {
                throw new IllegalStateException(Long.toHexString(from) + " cannot be filled: " + result);
            }
        }
    }

    private static List<Area> areasOf(Task task) {
        String smaps = text(task, "/proc/self/smaps");
        List<Area> areas = new ArrayList<>();
        String line = "";
        for (String next : smaps.split("\n", -1)) {
            if (next.startsWith("VmFlags:")) {
                areas.add(Area.of(line, next.substring("VmFlags:".length()).strip()));
            } else if (!next.isEmpty()
                    && Character.digit(next.charAt(0), 16) >= 0
                    && next.indexOf('-') > 0
                    && next.indexOf('-') < next.indexOf(' ')) {
                line = next;
            }
        }
        return areas;
    }

    Judge judge() {
        return judge;
    }

    @Override
    public long base() {
        return base;
    }

    @Override
    public long end() {
        return end;
    }

    @Override
    public List<Area> areas() {
        return areas;
    }

    @Override
    public long brk() {
        return judge.brk();
    }

    @Override
    public long stack() {
        return stack;
    }

    @Override
    public boolean isPlaceNamed() {
        return isPlaceNamed;
    }

    /** Returns the bytes of all mappings at the start of a script. */
    long total() {
        return total;
    }

    @Override
    public long data() {
        return data;
    }

    @Override
    public boolean isPrivileged() {
        int both = 1 << IPC_LOCK | 1 << SYS_RAWIO;
        return (lower & both) == both;
    }

    /** Returns the requests that set the privileges; the last request is the call. */
    List<String> privileges(long bits) {
        int effective = (lower & ~(1 << IPC_LOCK | 1 << SYS_RAWIO))
                | ((bits & 1) != 0 ? 1 << IPC_LOCK : 0)
                | ((bits & 2) != 0 ? 1 << SYS_RAWIO : 0);
        ByteBuffer sets = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        sets.putInt(effective)
                .putInt(lower)
                .putInt(0)
                .putInt(upper)
                .putInt(upper)
                .putInt(0);
        long scratch = judge.scratch();
        return List.of(
                KernelCall.put(scratch, longs(CAPABILITY_VERSION)),
                KernelCall.put(scratch + 64, sets.array()),
                callRequest(Kernel.CAPSET, scratch, scratch + 64));
    }

    /** Creates the process of a script. */
    Task fork() {
        return judge.first().fork();
    }

    /** Returns the requests that create the files of a script, as {@link FileName} lists them. */
    List<String> files() {
        List<String> requests = new ArrayList<>();
        long scratch = judge.scratch();
        requests.add(bytes(scratch, "A\0"));
        requests.add(callRequest(Kernel.MEMFD_CREATE, scratch, 0));
        requests.add(bytes(scratch, "/proc/self/fd/0\0"));
        requests.add(callRequest(Kernel.OPENAT, -100, scratch, 0));
        requests.add(callRequest(Kernel.OPENAT, -100, scratch, 1));
        requests.add(bytes(scratch, "B\0"));
        requests.add(callRequest(Kernel.MEMFD_CREATE, scratch, 2));
        requests.add(bytes(scratch, "/dev/zero\0"));
        requests.add(callRequest(Kernel.OPENAT, -100, scratch, 2));
        requests.add(bytes(scratch, "/\0"));
        requests.add(callRequest(Kernel.OPENAT, -100, scratch, 0));
        for (StartFile file : StartFile.values()) {
            requests.add(callRequest(Kernel.FTRUNCATE, file.descriptor(), file.size()));
            for (int page : file.stamped()) {
                requests.add("s 1 " + Long.toHexString(scratch) + " " + Integer.toHexString(file.stamp(page)));
                requests.add(callRequest(Kernel.PWRITE64, file.descriptor(), scratch, 1, page * GEOMETRY.pageSize()));
            }
        }
        return requests;
    }

    static String bytes(long address, String text) {
        StringBuilder request =
                new StringBuilder("p ").append(Long.toHexString(address)).append(' ');
        for (byte value : text.getBytes(StandardCharsets.ISO_8859_1)) {
            request.append(String.format(Locale.ROOT, "%02x", value));
        }
        return request.toString();
    }

    @Override
    public void close() {
        try {
            judge.close();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
