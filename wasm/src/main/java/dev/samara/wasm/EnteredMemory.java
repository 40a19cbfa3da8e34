// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The part of {@link LinearMemory} by which a thread enters and leaves the space. The thread that uses the memory has a
 * {@link Guest} while it runs exported functions. {@link #enter} opens one, and so does each call of a function that
 * was wrapped with the method {@code entering} of the memories of a runtime.
 */
public abstract sealed class EnteredMemory permits LinearNumbers {
    /** The mask of an address, because addresses of WebAssembly are unsigned. */
    static final long ADDRESS = 0xffff_ffffL;

    private static final VarHandle USER = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "user", VarHandle.class, EnteredMemory.class, Thread.class);

    private final AddressSpace space;

    /** What the runtime wants to be thrown. */
    final MemoryExceptions exceptions;

    /** The accesses of the thread that entered the space, or null while no thread is in the space. */
    @Nullable
    LinearAccess access;

    /**
     * The guest through which the using thread is in the space, or null while that thread is outside. Only that thread
     * may use this field and {@code access}.
     */
    private @Nullable Guest guest;

    /**
     * The thread that uses this memory, even while it has temporarily left the space. Null if no thread uses the
     * memory.
     */
    private volatile @Nullable Thread user;

    EnteredMemory(AddressSpace space, MemoryExceptions exceptions) {
        this.space = space;
        this.exceptions = exceptions;
    }

    /**
     * Returns the space of this memory, which starts at address 0 of the space. Any thread may use the space, even
     * while guest code runs. For example, a thread can {@linkplain AddressSpace#read read} and write bytes, {@linkplain
     * AddressSpace#watch watch} addresses, {@linkplain AddressSpace#collectDirty collect} the pages that were written,
     * and change the rights of pages, e.g. of a guard page below a stack. Only this memory may be mapped in the space.
     *
     * @return the space; each call returns the same reference
     */
    public final AddressSpace space() {
        return space;
    }

    /**
     * A call of an exported function, for {@link #call}.
     *
     * @param <A> what the call gets
     * @param <T> what the call returns
     */
    @FunctionalInterface
    protected interface Call<A, T> {
        /**
         * Makes the call.
         *
         * @param arguments what the call gets
         * @return what the call returns
         */
        T apply(A arguments);
    }

    /**
     * Makes a call within the space, which takes some 40 ns more than the call itself, and some 70 ns with the
     * collector G1. Accesses during the call can hit the TLB. A nested call, and a call within {@link #enter},
     * does not enter the space again.
     *
     * @param <A> what the call gets
     * @param <T> what the call returns
     * @param function runs on this thread
     * @param arguments for the function
     * @return what the function returns
     * @throws IllegalStateException if another thread uses this memory
     */
    protected final <A, T> T call(Call<? super A, ? extends T> function, A arguments) {
        if (isIn()) {
            return function.apply(arguments);
        }
        try (Guest entered = space.enter()) {
            boolean isFirst = claim();
            try {
                use(entered);
                return function.apply(arguments);
            } finally {
                free(isFirst);
            }
        }
    }

    /**
     * Runs code of the host within the space. This is for code that makes many accesses, e.g. the creation of an
     * instance.
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
        try (Guest entered = space.enter()) {
            boolean isFirst = claim();
            try {
                use(entered);
                return code.get();
            } finally {
                free(isFirst);
            }
        }
    }

    /**
     * Runs code outside the space, for a function of the host that guest code calls. This is for code that takes long
     * and makes few accesses, e.g. I/O or a wait. In the meantime, no operation on the space, e.g. a fork, waits for
     * this thread. The same applies to other memories that the thread entered, until the code uses them. The code may
     * access this memory, but each access enters the space for its own duration. Calls by other threads are still
     * rejected.
     *
     * <p>The thread keeps its CPU, with its translations, and is still a user of the space. While as many memories are
     * entered on the machine as it keeps CPUs ({@link AddressSpace#enter}), including those that their threads left,
     * each further call creates a CPU and destroys it.
     *
     * @param <T> what the code returns
     * @param code runs on this thread
     * @return what the code returns
     * @throws IllegalStateException if a write listener calls this; nothing has changed then, and the code did not run
     */
    public final <T> T leave(Supplier<? extends T> code) {
        if (!isIn()) {
            return code.get();
        }
        Guest entered = opened();
        LinearAccess accesses = access;
        // First, because a write listener is refused here, and then its thread is still in the space.
        entered.leave();
        guest = null;
        access = null;
        try {
            return code.get();
        } finally {
            // Before the poll, so that the thread is in the space even if the poll fails.
            guest = entered;
            access = accesses;
            entered.poll();
        }
    }

    /** Makes an access for a thread that is outside the space. */
    final void outside(Runnable code) {
        enter(() -> {
            code.run();
            return true;
        });
    }

    /** Returns whether the calling thread uses this memory and is in the space. */
    private boolean isIn() {
        return user == Thread.currentThread() && guest != null;
    }

    /**
     * Makes the calling thread the user of this memory. Returns false if it is the user already, because then it has
     * temporarily left the space.
     */
    private boolean claim() {
        Thread caller = Thread.currentThread();
        // Pairs with end: this thread sees all that the last user did with the memory.
        Thread other = (Thread) USER.compareAndExchange(this, (Thread) null, caller);
        if (other != null && other != caller) {
            throw new IllegalStateException(
                    "thread " + other.getName() + " uses " + this + "; another thread uses a view of it");
        }
        return other == null;
    }

    /**
     * Makes the calling thread the user of this memory for a step between two calls, so that no call starts in the
     * meantime. {@link #freeBetweenCalls} follows.
     *
     * @throws IllegalStateException if a thread uses this memory, even the calling one
     */
    final void claimBetweenCalls() {
        if (!claim()) {
            throw new IllegalStateException("a call uses " + this);
        }
    }

    /** Ends {@link #claimBetweenCalls}. */
    final void freeBetweenCalls() {
        // Release: after the step. Pairs with claim.
        USER.setRelease(this, (Thread) null);
    }

    /** Makes the accesses of the calling thread, which claimed this memory, use its guest. */
    private void use(Guest entered) {
        entered.leaveForCalls();
        access = LinearAccess.of(entered.memory(), exceptions);
        guest = entered;
    }

    /**
     * Ends {@link #use} and {@link #claim}. Cannot fail by a stack overflow, because the entry of the space reserved
     * stack for more calls than this method makes.
     */
    private void free(boolean isFirst) {
        guest = null;
        access = null;
        if (isFirst) {
            // Release: after all that the thread did with the memory. Pairs with claim.
            USER.setRelease(this, (Thread) null);
        }
    }

    /** Returns the guest of the calling thread, which must be in the space. */
    final Guest opened() {
        Guest entered = guest;
        if (entered == null) {
            throw new IllegalStateException("no thread uses " + this);
        }
        return entered;
    }

    /** Polls, and returns the accesses of the calling thread, which must be in the space. */
    final LinearAccess entered() {
        LinearAccess accesses = access;
        if (accesses == null) {
            throw new IllegalStateException("no thread uses " + this);
        }
        return accesses.polled();
    }

    /**
     * Brings the calling thread back into GUEST after a call that may have waited. Does nothing if the thread is
     * outside the space.
     */
    final void back() {
        LinearAccess accesses = access;
        if (accesses != null && isIn()) {
            accesses.poll();
        }
    }

    /**
     * Returns the number of pages, of 64 KiB each.
     *
     * @return the current size
     */
    public abstract int pages();

    @Override
    public String toString() {
        return "memory of " + pages() + " pages in " + space;
    }
}
