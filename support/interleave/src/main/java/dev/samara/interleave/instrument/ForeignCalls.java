// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.Map;
import java.util.Set;

/**
 * The calls to the JDK and JCTools that allocate nothing. Every other call counts as one that may allocate. A
 * constructor is not a separate point: it fails where its object is allocated.
 */
final class ForeignCalls {
    /**
     * The classes whose methods allocate nothing. Locks are among them, because the scheduler replaces the code that
     * allocates their queue nodes.
     */
    private static final Set<String> CLASSES = Set.of(
            "java/lang/Math",
            "java/lang/Object",
            "java/lang/Runtime",
            "java/lang/Runnable",
            "java/util/concurrent/Callable",
            "java/lang/invoke/VarHandle",
            "java/lang/ref/Reference",
            "java/lang/ref/ReferenceQueue",
            "java/lang/ref/WeakReference",
            "java/util/Iterator",
            "java/util/OptionalLong",
            "java/util/concurrent/Semaphore",
            "java/util/concurrent/TimeUnit",
            "java/util/concurrent/atomic/AtomicBoolean",
            "java/util/concurrent/atomic/AtomicInteger",
            "java/util/concurrent/atomic/AtomicLong",
            "java/util/concurrent/atomic/AtomicReference",
            "java/util/concurrent/atomic/AtomicReferenceArray",
            "java/util/concurrent/locks/Condition",
            "java/util/concurrent/locks/Lock",
            "java/util/concurrent/locks/LockSupport",
            "java/util/concurrent/locks/ReentrantLock",
            "java/util/function/IntConsumer");

    /** The methods of all other classes that allocate nothing. */
    private static final Set<String> NAMES = Set.of(
            "abs",
            "arraycopy",
            "bitCount",
            "booleanValue",
            "capacity",
            "charAt",
            "checkFromIndexSize",
            "checkIndex",
            "clear",
            "compare",
            "compareUnsigned",
            "contains",
            "containsKey",
            "currentThread",
            "equals",
            "fill",
            "find",
            "get",
            "getAsLong",
            "getClass",
            "getId",
            "getLast",
            "getMessage",
            "getName",
            "hasRemaining",
            "hashCode",
            "highestOneBit",
            "identityHashCode",
            "intValue",
            "interrupt",
            "interrupted",
            "isAlive",
            "isBlank",
            "isDirect",
            "isDone",
            "isEmpty",
            "isInterrupted",
            "isPresent",
            "isReadOnly",
            "length",
            "limit",
            "longValue",
            "lowestOneBit",
            "max",
            "min",
            "name",
            "nanoTime",
            "numberOfLeadingZeros",
            "numberOfTrailingZeros",
            "onSpinWait",
            "order",
            "ordinal",
            "peek",
            "peekFirst",
            "peekLast",
            "poll",
            "pollFirst",
            "pollLast",
            "position",
            "remaining",
            "remove",
            "removeLast",
            "requireNonNull",
            "reverseBytes",
            "set",
            "signum",
            "size",
            "start",
            "startsWith",
            "toIntExact");

    /**
     * Methods that allocate although methods of the same name in other classes do not. {@code ThreadLocal.get} is not
     * one of them: a thread's first call allocates too, but every call that changes something calls it earlier.
     */
    private static final Map<String, Set<String>> ALLOCATING = Map.of("java/lang/ThreadLocal", Set.of("set"));

    /** Methods that add to a list whose capacity was ensured before. */
    private static final Set<String> WITH_ROOM = Set.of("dev/samara/core/internal/space/InFlightOperations.add");

    private ForeignCalls() {}

    /**
     * Returns whether a call may allocate.
     *
     * @param caller the class and the method of the call
     */
    static boolean mayAllocate(String caller, String owner, String name, String descriptor) {
        boolean hasRoom = name.equals("add") && WITH_ROOM.contains(caller);
        return !hasRoom && mayAllocate(owner, name, descriptor);
    }

    private static boolean isForeign(String owner) {
        return owner.startsWith("java/") || owner.startsWith("org/jctools/") || owner.startsWith("[");
    }

    /**
     * Returns roughly how many bytes of stack a call needs in the interpreter, or 0 for a call to the modules. Taking a
     * lock needs more stack than releasing it.
     */
    static int frameBytes(String owner, String name) {
        if (!isForeign(owner) || name.equals("<init>")) {
            return 0;
        }
        if (owner.equals("java/lang/invoke/VarHandle")) {
            return name.startsWith("getAnd") || name.contains("ompareAnd") ? 480 : 384;
        }
        return name.equals("lock") ? 480 : 288;
    }

    private static boolean mayAllocate(String owner, String name, String descriptor) {
        boolean isEmptyCollection = name.equals("of") && descriptor.startsWith("()");
        if (!isForeign(owner)
                || name.equals("<init>")
                || isEmptyCollection
                || owner.startsWith("java/util/function/")
                || CLASSES.contains(owner)) {
            return false;
        }
        return !NAMES.contains(name) || ALLOCATING.getOrDefault(owner, Set.of()).contains(name);
    }
}
