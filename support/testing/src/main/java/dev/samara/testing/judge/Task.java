// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.judge;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A process or thread of a judge, which executes requests. Addresses belong to the address space of the task. Only one
 * thread at a time may use the tasks of a judge.
 */
public final class Task {
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final Judge judge;

    /** The prefix of a request that routes it from the first task to this one. */
    private final String route;

    Task(Judge judge, String route) {
        this.judge = judge;
        this.route = route;
    }

    /**
     * Returns the judge.
     *
     * @return the judge
     */
    public Judge judge() {
        return judge;
    }

    /**
     * Sends a request in the judge's language, and returns the answer, which is one line.
     *
     * @param request the line
     * @return its answer
     */
    public String ask(String request) {
        judge.send(route + request);
        return judge.readLine();
    }

    /**
     * Sends requests, and returns their answers. It sends all requests before it reads the first answer, which saves
     * context switches, so there may be at most a few hundred short requests.
     *
     * @param requests the lines
     * @return the answers, in the order of the requests
     */
    public List<String> askAll(List<String> requests) {
        sendAll(requests);
        return requests.stream().map(request -> judge.readLine()).toList();
    }

    /**
     * Converts a request to this task to a request to the first task, so that one list can contain requests to several
     * tasks.
     *
     * @param request the line
     * @return the line for {@link #askAll} of the first task
     */
    public String routed(String request) {
        return route + request;
    }

    /**
     * Sends requests as {@link #askAll} does, and returns without waiting for their answers.
     *
     * @param requests the lines
     */
    public void sendAll(List<String> requests) {
        if (!requests.isEmpty()) {
            judge.send(requests.stream().map(request -> route + request).collect(Collectors.joining("\n")));
        }
    }

    /**
     * Waits for the next answer to the requests that {@link #sendAll} sent.
     *
     * @return the answer
     */
    public String answer() {
        return judge.readLine();
    }

    /**
     * Makes a system call.
     *
     * @param number the number of the call on the judge's architecture
     * @param arguments at most six arguments
     * @return its result; an error is a negated errno
     */
    public long call(int number, long... arguments) {
        return Long.parseLong(ask(callRequest(number, arguments)));
    }

    /**
     * Returns the request of {@link #call}, for {@link #askAll} and {@link #begin}.
     *
     * @param number the number of the call on the judge's architecture
     * @param arguments at most six arguments
     * @return the line
     */
    public static String callRequest(int number, long... arguments) {
        StringBuilder request = new StringBuilder("c ").append(Integer.toHexString(number));
        for (long argument : arguments) {
            request.append(' ').append(Long.toHexString(argument));
        }
        return request.toString();
    }

    /**
     * Loads 1, 2, 4 or 8 bytes.
     *
     * @param width the number of bytes
     * @param address the address of the first byte
     * @return the value, or the fault
     */
    public Access load(int width, long address) {
        return Access.parse(ask("l " + width + " " + Long.toHexString(address)));
    }

    /**
     * Stores 1, 2, 4 or 8 bytes.
     *
     * @param width the number of bytes
     * @param address the address of the first byte
     * @param value the value, in the low bytes
     * @return whether there was a fault
     */
    public Access store(int width, long address, long value) {
        return Access.parse(ask("s " + width + " " + Long.toHexString(address) + " " + Long.toHexString(value)));
    }

    /**
     * Loads the first byte of each page of 4,096 bytes.
     *
     * @param address the address of the first page
     * @param pages the number of pages
     * @return for each page, the byte as two digits, or {@code .M} if nothing is mapped, {@code .A} if the page is not
     *     readable, or {@code .B} for a bus error
     */
    public String firstBytes(long address, long pages) {
        return ask("t " + Long.toHexString(address) + " " + Long.toHexString(pages));
    }

    /**
     * Returns the request for the mappings that overlap a range. The answer is one line. For each mapping, it contains
     * the line of maps, a tab, the amounts of smaps if requested and a tab, the flags, and {@code |}. Two lists follow,
     * each after {@code ;}: the pages of a part that are in memory, and the first bytes of the part's pages, as runs
     * {@code ADDRESS+PAGES=VALUE}.
     *
     * @param start the first address
     * @param end the end, exclusive
     * @param what the sum of 1 for first bytes, 2 for residency, and 4 for amounts
     * @param from the first address of the part
     * @param to its end, exclusive; at most 8,192 pages
     * @return the line
     */
    public static String layoutRequest(long start, long end, int what, long from, long to) {
        return String.format(Locale.ROOT, "v %x %x %x %x %x", start, end, what, from, to);
    }

    /**
     * Returns the request for hashes of memory, one for each block of 4,096 bytes. The answer contains, for each block,
     * the 16 digits of {@link #hash}, or {@code .M}, {@code .A} or {@code .B} as for {@link #firstBytes}, separated by
     * blanks.
     *
     * @param address the address of the first byte
     * @param length the number of bytes
     * @return the line
     */
    public static String hashRequest(long address, long length) {
        return "H " + Long.toHexString(address) + " " + Long.toHexString(length);
    }

    /**
     * Returns the hash of bytes, as the judge computes it.
     *
     * @param bytes the bytes
     * @param from the index of the first byte
     * @param to the index after the last byte
     * @return the hash
     */
    public static long hash(byte[] bytes, int from, int to) {
        long hash = 0xcbf29ce484222325L;
        int at = from;
        for (; at + Long.BYTES <= to; at += Long.BYTES) {
            hash = mixed(hash, (long) WORDS.get(bytes, at));
        }
        for (; at < to; at++) {
            hash = mixed(hash, bytes[at] & 0xff);
        }
        return hash;
    }

    private static long mixed(long hash, long word) {
        long product = (hash ^ word) * 0x9e3779b97f4a7c15L;
        return product ^ (product >>> 29);
    }

    /**
     * Loads bytes, all of which must be readable.
     *
     * @param address the address of the first byte
     * @param length the number of bytes
     * @return the bytes
     */
    public byte[] bytes(long address, int length) {
        return HexFormat.of().parseHex(ask("d " + Long.toHexString(address) + " " + Integer.toHexString(length)));
    }

    /**
     * Stores bytes, all of which must be writable.
     *
     * @param address the address of the first byte
     * @param bytes the bytes to store
     */
    public void put(long address, byte[] bytes) {
        String answer =
                ask("p " + Long.toHexString(address) + " " + HexFormat.of().formatHex(bytes));
        if (!answer.equals("ok")) {
            throw new IllegalArgumentException(
                    "address=" + Long.toHexString(address) + " cannot be written: " + answer);
        }
    }

    /**
     * Opens, reads and closes a file of at most 1 MiB. Returns nothing if the file cannot be opened.
     *
     * @param path the path, as the task sees it
     * @return the content of the file, or nothing
     */
    public Optional<byte[]> file(String path) {
        String answer = ask("f " + path);
        return answer.startsWith("#")
                ? Optional.of(judge.readBytes(Integer.parseInt(answer.substring(1), 16)))
                : Optional.empty();
    }

    /**
     * Installs a handler that records a signal.
     *
     * @param signal the number of the signal
     * @param flags the flags of {@code sigaction}
     * @param mask the signals that are blocked while the handler runs
     * @return the result of {@code rt_sigaction}
     */
    public long note(int signal, long flags, long mask) {
        return Long.parseLong(
                ask("h " + Integer.toHexString(signal) + " " + Long.toHexString(flags) + " " + Long.toHexString(mask)));
    }

    /**
     * Returns the signals that were recorded since the last call, each as {@code SIGNAL,CODE,ADDRESS}.
     *
     * @return the signals, the oldest first
     */
    public List<String> noted() {
        String answer = ask("g");
        return answer.isEmpty() ? List.of() : Stream.of(answer.split(" ", -1)).toList();
    }

    /**
     * Forks a child process.
     *
     * @return the child
     */
    public Task fork() {
        return made(ask("F"));
    }

    /**
     * Creates a thread.
     *
     * @return the thread
     */
    public Task thread() {
        return made(ask("T"));
    }

    private Task made(String answer) {
        int space = answer.indexOf(' ');
        if (space < 0) {
            throw new IllegalStateException("no task was made: " + answer);
        }
        return new Task(judge, route + "@" + answer.substring(0, space) + " ");
    }

    /**
     * Sends a request without waiting for its answer. No other request may be sent to this task before {@link #await}.
     *
     * @param request the line
     */
    public void begin(String request) {
        judge.send(nearest('>') + " " + request);
        String answer = judge.readLine();
        if (!answer.equals("ok")) {
            throw new IllegalStateException("'" + request + "' was not begun: " + answer);
        }
    }

    /**
     * Waits for the answer to the request that {@link #begin} sent.
     *
     * @return the answer
     */
    public String await() {
        judge.send(nearest('<'));
        return judge.readLine();
    }

    /** Kills this child process, and waits for its end. */
    public void kill() {
        judge.send(nearest('k'));
        judge.readLine();
    }

    /** Returns the route with the given verb for its last task. */
    private String nearest(char verb) {
        int last = route.lastIndexOf('@');
        if (last < 0) {
            throw new IllegalStateException("the first task has no parent here");
        }
        String number = route.substring(last + 1).trim();
        return route.substring(0, last) + (verb == 'k' ? "k " : String.valueOf(verb)) + number;
    }
}
