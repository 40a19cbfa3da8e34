// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Calls on a host file with three opens, in which one call to the host fails, is short or is interrupted. The end state
 * must agree with what was acknowledged:
 *
 * <ol>
 *   <li>When a save returns 0, everything that was stored before the save started is on the device.
 *   <li>If no call except a save returned the failure of a write or a force, each open returns it once, from its next
 *       save; two concurrent saves may both return it. No other failure is returned by only some of the opens.
 *   <li>A call to the host that is short, or whose thread is interrupted, is not an error; the interrupt flag stays
 *       set.
 *   <li>The first page contains the last stored number, and at the end the device contains the same bytes as memory.
 * </ol>
 */
class HostFaultScenario extends HostFileScenarios.OfHostFile {
    private static final long STORED = 8;

    private final String name;
    private final HostCall call;
    private final String faultText;

    /** The results of the saves by each open. */
    private final Map<String, List<Long>> told = new LinkedHashMap<>();

    /** The calls other than saves that failed or were short. */
    private final List<String> shown = new ArrayList<>();

    private @Nullable HostFault fault;
    private @Nullable HostFile second;
    private @Nullable HostFile third;

    /** The last number that was stored to the first page. */
    private long last = 7;

    private boolean isThirdClosed;

    /**
     * Creates the scenario of a name: call names with plus signs between them, and a fault, as in {@code
     * store+fsync/WRITE:1:FAILS}.
     */
    HostFaultScenario(String name) {
        this.name = name;
        faultText = name.substring(name.indexOf('/') + 1);
        call = HostFault.parse(faultText).call();
        for (String kind : name.substring(0, name.indexOf('/')).split("\\+", -1)) {
            Operation made = operation(kind);
            calls().put(kind, (state, cpu) -> {
                String result = made.run(state, cpu);
                checkInterrupt(Thread.interrupted());
                return result;
            });
        }
    }

    private HostFault fault() {
        return Objects.requireNonNull(fault, "before the beginning");
    }

    private HostFile second() {
        return Objects.requireNonNull(second, "before the beginning");
    }

    private HostFile third() {
        return Objects.requireNonNull(third, "before the beginning");
    }

    private void checkInterrupt(boolean isInterrupted) {
        if (isInterrupted != (fault().isMetHere() && fault().way() == Way.INTERRUPTED)) {
            throw new AssertionError("the thread is " + (isInterrupted ? "" : "not ") + "interrupted");
        }
    }

    private Operation operation(String kind) {
        return switch (kind) {
            case "store" ->
                (state, cpu) -> {
                    String stored = store(cpu, AT, STORED);
                    last = show(kind, stored.equals("stored")) ? STORED : last;
                    return stored;
                };
            case "fsync" ->
                (state, cpu) -> save("first", state, () -> host(state).fsync());
            case "other" -> (state, cpu) -> save("second", state, second()::fsync);
            case "msync" -> (state, cpu) -> save("first", state, () -> state.space.msync(AT, PAGE, Mman.SYNC));
            case "evict" -> (state, cpu) -> evict(state);
            case "truncate" -> (state, cpu) -> result(kind, host(state).file().truncate(PAGE), 0);
            case "punch" -> (state, cpu) -> result(kind, second().punch(2 * PAGE, PAGE), 0);
            case "pwrite" -> (state, cpu) -> result(kind, second().pwrite(GroundFile.bytes(9), PAGE), Long.BYTES);
            case "append" ->
                (state, cpu) -> {
                    ByteBuffer source = GroundFile.bytes(5);
                    second().append(source);
                    return result(kind, source.position(), Long.BYTES);
                };
            case "pread" ->
                (state, cpu) -> result(kind, second().pread(ByteBuffer.allocate(Long.BYTES), 3 * PAGE), Long.BYTES);
            case "close" ->
                (state, cpu) -> {
                    third().close();
                    isThirdClosed = true;
                    return "closed";
                };
            case "fork" ->
                (state, cpu) -> {
                    state.children.put("child", state.space.fork());
                    cpu.switchTo(state.child("child"));
                    String stored = store(cpu, AT + PAGE, STORED);
                    show(kind, stored.equals("stored"));
                    return stored;
                };
            default -> throw new IllegalArgumentException(kind);
        };
    }

    private boolean show(String kind, boolean isDone) {
        if (!isDone) {
            shown.add(kind);
        }
        return isDone;
    }

    /**
     * Records whether a call failed. A read beyond the end after a concurrent truncation is short, which is not a
     * failure.
     */
    private String result(String kind, long result, long whole) {
        boolean isCut = calls().containsKey("truncate") && kind.equals("pread") && result == 0;
        show(kind, result == whole || isCut);
        return kind + " " + result;
    }

    /** Saves the file through an open. */
    private String save(String open, State state, LongSupplier save) {
        long before = last;
        long result = save.getAsLong();
        note(open, result);
        long has = host(state).channel.forcedNumber(0);
        // A page that was never saved would contain a larger number.
        if (result == 0 && (has < before || has > STORED)) {
            throw new AssertionError("saved after the store of " + before + ", and the device has " + has);
        }
        return "saved";
    }

    private void note(String open, long result) {
        told.computeIfAbsent(open, any -> new ArrayList<>()).add(result);
    }

    @Override
    protected String name() {
        return name;
    }

    @Override
    protected void prepare(State state, Cpu cpu) {
        super.prepare(state, cpu);
        second = host(state).open();
        third = host(state).open();
        // Otherwise each page would be in memory, so nothing would be read.
        if (call != HostCall.READ) {
            store(cpu, AT + 2 * PAGE, 9);
        }
        HostFault made = HostFault.parse(faultText);
        fault = made;
        host(state).channel.meet(made);
    }

    @Override
    protected boolean hasOrders() {
        return false;
    }

    @Override
    protected void judge(State state, Cpu cpu) {
        for (int i = 0; i < 2; i++) {
            note("first", host(state).fsync());
            note("second", second().fsync());
            if (!isThirdClosed) {
                note("third", third().fsync());
            }
        }
        checkInterrupt(Thread.interrupted());
        judgeTold();
        // Removes a fault that no call has met yet.
        host(state).channel.meet(HostFault.none());
        String loaded = load(cpu, AT);
        if (!loaded.equals(Long.toString(last))) {
            throw new AssertionError("stored " + last + ", loaded " + loaded);
        }
        second().close();
        third().close();
    }

    private void judgeTold() {
        boolean isFailed = fault().met() != null && fault().way().isThrown();
        boolean isWrite = call == HostCall.WRITE || call == HostCall.FORCE;
        boolean isUntold = !isFailed || !shown.isEmpty();
        List<Integer> counts = new ArrayList<>();
        told.forEach((open, results) -> {
            long errors = results.stream().filter(result -> result != 0).count();
            if (results.stream().anyMatch(result -> result != 0 && result != Errno.EIO.result())) {
                throw new AssertionError(fault() + ", and saves have returned " + told);
            }
            boolean areTwo = open.equals("first") && calls().containsKey("fsync") && calls().containsKey("msync");
            counts.add(areTwo && errors == 2 ? 1 : (int) errors);
        });
        int told = counts.get(0);
        boolean isRight = isUntold ? told == 0 : isWrite ? told == 1 : told <= 1;
        if (!isRight || counts.stream().anyMatch(count -> count != told) || (!isFailed && !shown.isEmpty())) {
            throw new AssertionError(fault() + ", by the calls " + shown + ", and by saves " + this.told);
        }
    }
}
