// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import static dev.samara.testing.judge.Task.callRequest;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/**
 * The requests to the judge for one operation. The last answers determine the result.
 *
 * @param requests the requests, in order
 * @param at the index of the answer that is the result of the call, or -1 if there is none
 */
record KernelCall(List<String> requests, int at) {
    static final KernelCall NOTHING = new KernelCall(List.of(), -1);

    /** The first free descriptor after the files. */
    private static final int NEXT = 6;

    private static final int DATA = 4096;
    private static final int SET_MDWE = 65;
    private static final int ADD_SEALS = 1033;
    private static final int PUNCH = 3;
    private static final int LOCK = 11;
    private static final int UNLOCK = 12;
    private static final int WORD = 8;
    private static final int STATUS = 2048;
    private static final long PAGEMAP_SCAN = 0xc060_6610L;
    private static final int SCAN_SIZE = 96;

    static KernelCall of(Operation operation, KernelWorld world, List<Long> segments) {
        long[] a = operation.arguments().stream().mapToLong(Long::longValue).toArray();
        long scratch = world.judge().scratch();
        return switch (operation.verb()) {
            case MMAP -> call(Kernel.MMAP, a[0], a[1], a[2], a[3], descriptor(a[4]), a[5]);
            case MUNMAP -> call(Kernel.MUNMAP, a);
            case MPROTECT -> call(Kernel.MPROTECT, a);
            case MREMAP -> call(Kernel.MREMAP, a);
            case MADVISE -> call(Kernel.MADVISE, a);
            case MLOCK -> call(Kernel.MLOCK, a);
            case MLOCK2 -> call(Kernel.MLOCK2, a);
            case MUNLOCK -> call(Kernel.MUNLOCK, a);
            case MLOCKALL -> call(Kernel.MLOCKALL, a);
            case MUNLOCKALL -> call(Kernel.MUNLOCKALL, a);
            case MSYNC -> call(Kernel.MSYNC, a);
            case MINCORE -> call(Kernel.MINCORE, a[0], a[1], scratch + DATA);
            case MSEAL -> call(Kernel.MSEAL, a);
            case BRK -> call(Kernel.BRK, a);
            case REMAP_FILE_PAGES -> call(Kernel.REMAP_FILE_PAGES, a);
            case MDWE -> call(Kernel.PRCTL, SET_MDWE, a[0], 0, 0, 0);
            case SHMAT -> call(Kernel.SHMAT, segment(segments, a[0]), a[1], a[2]);
            case SHMDT -> call(Kernel.SHMDT, a);
            case SHM_LOCK -> call(Kernel.SHMCTL, segment(segments, a[0]), LOCK, 0);
            case SHM_UNLOCK -> call(Kernel.SHMCTL, segment(segments, a[0]), UNLOCK, 0);
            case SHM_REMOVE -> call(Kernel.SHMCTL, segment(segments, a[0]), 0, 0);
            case LIMIT -> new KernelCall(world.limit(Limit.of(a[0]), a[1]), 1);
            case PRIVILEGES -> new KernelCall(world.privileges(a[0]), 2);
            case LOAD -> last("l " + a[0] + " " + Long.toHexString(a[1]));
            case STORE -> last("s " + a[0] + " " + Long.toHexString(a[1]) + " " + Long.toHexString(a[2]));
            case FORCED_READ ->
                opened(scratch, "/proc/self/mem", callRequest(Kernel.PREAD64, NEXT, scratch + DATA, WORD, a[0]), WORD);
            case FORCED_WRITE -> forcedWrite(scratch, a);
            case PREAD ->
                new KernelCall(
                        List.of(
                                callRequest(Kernel.PREAD64, descriptor(a[0]), scratch + DATA, a[1], a[2]),
                                "d " + Long.toHexString(scratch + DATA) + " " + Long.toHexString(a[1])),
                        0);
            case PWRITE -> {
                byte[] bytes = new byte[(int) a[2]];
                Arrays.fill(bytes, (byte) a[1]);
                yield last(
                        put(scratch + DATA, bytes),
                        callRequest(Kernel.PWRITE64, descriptor(a[0]), scratch + DATA, a[2], a[3]));
            }
            case TRUNCATE -> call(Kernel.FTRUNCATE, descriptor(a[0]), a[1]);
            case PUNCH -> call(Kernel.FALLOCATE, descriptor(a[0]), PUNCH, a[1], a[2]);
            case SEAL -> call(Kernel.FCNTL, descriptor(a[0]), ADD_SEALS, a[1]);
            case PAGEMAP ->
                opened(
                        scratch,
                        "/proc/self/pagemap",
                        callRequest(Kernel.PREAD64, NEXT, scratch + DATA, a[1] * WORD, (a[0] >>> 12) * WORD),
                        (int) a[1] * WORD);
            case SCAN -> scan(scratch, a);
            case USAGE ->
                opened(
                        scratch,
                        "/proc/self/status",
                        callRequest(Kernel.PREAD64, NEXT, scratch + DATA, STATUS, 0),
                        STATUS);
            case FORK, EXIT -> NOTHING;
            case NAME -> throw new IllegalArgumentException("the kernel may have no names: " + operation);
        };
    }

    private static KernelCall call(int number, long... arguments) {
        return last(callRequest(number, arguments));
    }

    private static KernelCall last(String... requests) {
        return new KernelCall(List.of(requests), requests.length - 1);
    }

    private static long descriptor(long file) {
        return FileName.of(file) == FileName.X ? -1 : file;
    }

    private static long segment(List<Long> segments, long index) {
        return index < segments.size() ? segments.get((int) index) : -1;
    }

    static String put(long address, byte[] bytes) {
        return "p " + Long.toHexString(address) + " " + HexFormat.of().formatHex(bytes);
    }

    /** Returns a call on a file that is open only for this call, and a request for the bytes that the call reads. */
    private static KernelCall opened(long scratch, String path, String call, int length) {
        return new KernelCall(
                List.of(
                        KernelWorld.bytes(scratch, path + "\0"),
                        callRequest(Kernel.OPENAT, -100, scratch, 2),
                        call,
                        callRequest(Kernel.CLOSE, NEXT),
                        "d " + Long.toHexString(scratch + DATA) + " " + Integer.toHexString(length)),
                2);
    }

    private static KernelCall forcedWrite(long scratch, long[] a) {
        List<String> requests = new ArrayList<>();
        requests.add(put(scratch + DATA, KernelWorld.longs(a[1])));
        requests.addAll(
                opened(scratch, "/proc/self/mem", callRequest(Kernel.PWRITE64, NEXT, scratch + DATA, WORD, a[0]), WORD)
                        .requests());
        return new KernelCall(requests, 3);
    }

    private static KernelCall scan(long scratch, long[] a) {
        long vector = scratch + 2 * DATA;
        byte[] question = KernelWorld.longs(
                SCAN_SIZE, 0, a[0], a[1], 0, a[6] == 0 ? 0 : vector, a[6], a[7], a[2], a[3], a[4], a[5]);
        List<String> requests = new ArrayList<>();
        requests.add(put(scratch + DATA, question));
        requests.addAll(opened(
                        scratch,
                        "/proc/self/pagemap",
                        callRequest(Kernel.IOCTL, NEXT, PAGEMAP_SCAN, scratch + DATA),
                        WORD)
                .requests());
        requests.set(2, callRequest(Kernel.OPENAT, -100, scratch, 0));
        requests.add("d " + Long.toHexString(scratch + DATA + 4 * WORD) + " 8");
        requests.add("d " + Long.toHexString(vector) + " " + Long.toHexString(a[6] * 3 * WORD));
        return new KernelCall(requests, 3);
    }

    /** Returns the result of the operation. */
    String result(Operation operation, List<String> answers, long base) {
        if (at < 0) {
            return "0x0";
        }
        String answer = answers.get(at);
        if (operation.verb() == Verb.LOAD || operation.verb() == Verb.STORE) {
            return answer.startsWith("!") ? fault(answer, base) : answer.equals("ok") ? "0x0" : "0x" + answer;
        }
        long result;
        try {
            result = Long.parseLong(answer);
        } catch (NumberFormatException ended) {
            return answer;
        }
        String text = Notation.result(operation.verb(), Exceptions.result(operation.verb(), result), base);
        String last = answers.get(answers.size() - 1);
        return switch (operation.verb()) {
            case FORCED_READ, PREAD -> result > 0 ? text + " " + last.substring(0, (int) result * 2) : text;
            case USAGE -> usage(new String(HexFormat.of().parseHex(last), StandardCharsets.ISO_8859_1), operation);
            case PAGEMAP -> result > 0 ? text + " " + words(last, (int) (result / WORD)) : text;
            case SCAN ->
                Exceptions.scan(
                        text,
                        result < 0 ? List.of() : numbers(last, (int) result * 3),
                        numbers(answers.get(answers.size() - 2), 1),
                        base);
            default -> text;
        };
    }

    private static String usage(String status, Operation operation) {
        return Exceptions.usage(
                KernelWorld.amount(status, "VmSize:"),
                KernelWorld.amount(status, "VmData:"),
                KernelWorld.amount(status, "VmStk:"),
                KernelWorld.amount(status, "VmLck:"),
                operation);
    }

    private static String words(String hex, int count) {
        StringBuilder text = new StringBuilder();
        numbers(hex, count)
                .forEach(word -> text.append(Exceptions.pagemap(word)).append(' '));
        return text.toString();
    }

    private static List<Long> numbers(String hex, int count) {
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(hex.substring(0, count * 16)))
                .order(ByteOrder.LITTLE_ENDIAN);
        List<Long> numbers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            numbers.add(bytes.getLong());
        }
        return numbers;
    }

    private static String fault(String answer, long base) {
        String[] parts = answer.substring(1).split(",", -1);
        String name = parts[0].equals("b") ? parts[1].equals("1") ? "SEGV_MAPERR" : "SEGV_ACCERR" : "BUS_ADRERR";
        return String.format(
                Locale.ROOT, "%s at %s", name, Notation.address(Long.parseUnsignedLong(parts[2], 16), base));
    }
}
