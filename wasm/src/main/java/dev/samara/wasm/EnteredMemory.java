// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.Memory;
import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
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

    private @Nullable Guest guest;

    /** The thread that has entered. Other threads read it, racily. */
    private @Nullable Thread user;

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
            if (user == Thread.currentThread()) {
                return function.apply(arguments);
            }
            open();
            try {
                return function.apply(arguments);
            } finally {
                close(opened());
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
        if (user == Thread.currentThread()) {
            return code.get();
        }
        open();
        try {
            return code.get();
        } finally {
            close(opened());
        }
    }

    /**
     * Runs code that takes long without accesses, such as I/O or a wait, for a function of the host that guest code
     * calls. No operation on the space, such as a fork, waits for this thread in the meantime. Accesses are possible.
     * Each one enters the space for its own duration.
     *
     * @param <T> what the code returns
     * @param code runs on this thread
     * @return what the code returns
     */
    public final <T> T leave(Supplier<? extends T> code) {
        Guest entered = guest;
        LinearAccess accesses = access;
        if (entered == null || user != Thread.currentThread()) {
            return code.get();
        }
        use(null, null, null);
        entered.leave();
        try {
            return code.get();
        } finally {
            entered.poll();
            use(entered, accesses, Thread.currentThread());
        }
    }

    /** Makes an access of a thread that has not entered. */
    final void outside(Runnable code) {
        enter(() -> {
            code.run();
            return true;
        });
    }

    private void open() {
        Thread other = user;
        if (other != null) {
            throw new IllegalStateException(
                    "thread " + other.getName() + " uses " + this + "; another thread uses a view of it");
        }
        Guest entered = space.enter();
        boolean isOpen = false;
        try {
            entered.leaveForCalls();
            use(entered, LinearAccess.of(entered.memory()), Thread.currentThread());
            isOpen = true;
        } finally {
            if (!isOpen) {
                entered.close();
            }
        }
    }

    private void close(Guest entered) {
        use(null, null, null);
        entered.close();
    }

    private void use(@Nullable Guest entered, @Nullable LinearAccess accesses, @Nullable Thread thread) {
        guest = entered;
        access = accesses;
        user = thread;
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
        if (accesses != null && user == Thread.currentThread()) {
            accesses.poll();
        }
    }

    @Override
    public String toString() {
        return "memory of " + pages() + " pages in " + space;
    }
}
