// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.Memory;
import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The part of {@link LinearMemory} that takes its thread into the space and out of it. The thread that uses the memory
 * has a {@link Guest} while it runs exported functions; {@link #entering} opens one for each call.
 */
public abstract sealed class EnteredMemory implements Memory permits LinearNumbers {
    /** Addresses of WebAssembly are unsigned. */
    static final long ADDRESS = 0xffff_ffffL;

    private final AddressSpace space;

    /** The accesses of the thread that has entered; null while none has. */
    @Nullable
    LinearAccess access;

    /** By which the thread that uses this memory is in; null while it has left. For that thread only, as is access. */
    private @Nullable Guest guest;

    /** The thread that uses this memory, whether it is in or has left for a while; null for none. */
    private final AtomicReference<@Nullable Thread> user = new AtomicReference<>();

    EnteredMemory(AddressSpace space) {
        this.space = space;
    }

    /**
     * Returns the space in which this memory is, from address 0. Any thread may use it, also while guest code runs: to
     * {@linkplain AddressSpace#read read} and write bytes, to {@linkplain AddressSpace#watch watch} addresses, to
     * {@linkplain AddressSpace#collectDirty collect} the pages that were written, or to change rights of pages, such as
     * those of a page below a stack. Nothing but the memory may be mapped there.
     *
     * @return the space; each call returns the same reference
     */
    public final AddressSpace space() {
        return space;
    }

    /**
     * Returns an exported function whose calls enter the space, which takes tens of nanoseconds a call. Accesses
     * within hit the TLB. A call within another one, or within {@link #enter}, enters nothing. For a function that
     * uses several memories, wrap it once for each of them.
     *
     * @param function of an instance that uses this memory
     * @return the function; it throws {@link IllegalStateException} while another thread uses this memory, and what the
     *     function throws
     */
    public final ExportFunction entering(ExportFunction function) {
        return arguments -> {
            if (isIn()) {
                return function.apply(arguments);
            }
            boolean isFirst = claim();
            Guest entered = open(isFirst);
            try {
                return function.apply(arguments);
            } finally {
                close(entered, isFirst);
            }
        };
    }

    /**
     * Runs code of the host that makes many accesses, such as the making of an instance, within the space.
     *
     * @param <T> what the code returns
     * @param code runs on this thread
     * @return what the code returns
     * @throws IllegalStateException if another thread uses this memory
     */
    public final <T> T enter(Supplier<? extends T> code) {
        if (isIn()) {
            return code.get();
        }
        boolean isFirst = claim();
        Guest entered = open(isFirst);
        try {
            return code.get();
        } finally {
            close(entered, isFirst);
        }
    }

    /**
     * Runs code that takes long without accesses, such as I/O or a wait, for a function of the host that guest code
     * calls. No operation on the space, such as a fork, waits for this thread in the meantime. Accesses are possible.
     * Each one enters the space for its own duration. Other threads are refused as before.
     *
     * @param <T> what the code returns
     * @param code runs on this thread
     * @return what the code returns
     */
    public final <T> T leave(Supplier<? extends T> code) {
        if (!isIn()) {
            return code.get();
        }
        Guest entered = opened();
        LinearAccess accesses = access;
        use(null, null);
        entered.leave();
        try {
            return code.get();
        } finally {
            entered.poll();
            use(entered, accesses);
        }
    }

    /** Makes an access of a thread that has not entered. */
    final void outside(Runnable code) {
        enter(() -> {
            code.run();
            return true;
        });
    }

    /** Returns whether the calling thread uses this memory, and has not left. */
    private boolean isIn() {
        return user.get() == Thread.currentThread() && guest != null;
    }

    /** Makes the calling thread the user, unless it is: then it has left, and this returns false. */
    private boolean claim() {
        Thread caller = Thread.currentThread();
        Thread other = user.compareAndExchange(null, caller);
        if (other != null && other != caller) {
            throw new IllegalStateException(
                    "thread " + other.getName() + " uses " + this + "; another thread uses a view of it");
        }
        return other == null;
    }

    private Guest open(boolean isFirst) {
        Guest entered = null;
        boolean isOpen = false;
        try {
            entered = space.enter();
            entered.leaveForCalls();
            use(entered, LinearAccess.of(entered.memory()));
            isOpen = true;
            return entered;
        } finally {
            if (!isOpen) {
                end(entered, isFirst);
            }
        }
    }

    private void close(Guest entered, boolean isFirst) {
        use(null, null);
        end(entered, isFirst);
    }

    private void end(@Nullable Guest entered, boolean isFirst) {
        try {
            if (entered != null) {
                entered.close();
            }
        } finally {
            if (isFirst) {
                user.set(null);
            }
        }
    }

    private void use(@Nullable Guest entered, @Nullable LinearAccess accesses) {
        guest = entered;
        access = accesses;
    }

    /** Returns the guest of the calling thread, which has entered. */
    final Guest opened() {
        Guest entered = guest;
        if (entered == null) {
            throw new IllegalStateException("no thread uses " + this);
        }
        return entered;
    }

    /** Returns the accesses of the calling thread, which has entered. */
    final LinearAccess entered() {
        LinearAccess accesses = access;
        if (accesses == null) {
            throw new IllegalStateException("no thread uses " + this);
        }
        return accesses.polled();
    }

    /** Brings the calling thread back into GUEST, if it had entered, after a call that may have waited. */
    final void back() {
        LinearAccess accesses = access;
        if (accesses != null && isIn()) {
            accesses.poll();
        }
    }

    @Override
    public String toString() {
        return "memory of " + pages() + " pages in " + space;
    }
}
