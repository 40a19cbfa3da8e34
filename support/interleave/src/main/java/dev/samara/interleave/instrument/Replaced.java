// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Type;

/** The classes and methods of the JDK that instrumentation replaces with the scheduler's versions. */
final class Replaced {
    static final String THREAD = "java/lang/Thread";
    static final String LOCK = "java/util/concurrent/locks/ReentrantLock";
    static final String SEMAPHORE = "java/util/concurrent/Semaphore";
    static final String THREADS = "dev/samara/interleave/schedule/Threads";

    private static final String SCHEDULE = "dev/samara/interleave/schedule/";

    private static final Map<String, String> TYPES = Map.of(
            THREAD,
            SCHEDULE + "SteppedThread",
            LOCK,
            SCHEDULE + "SteppedLock",
            SEMAPHORE,
            SCHEDULE + "SteppedSemaphore");

    private static final Set<String> OWNERS = Set.of(
            THREAD,
            "java/lang/Object",
            "java/lang/System",
            "java/lang/Runtime",
            "java/lang/ref/ReferenceQueue",
            "java/util/concurrent/locks/LockSupport");

    /** The names and descriptors of the methods of {@code Threads}. */
    private static final Set<String> METHODS = Arrays.stream(dev.samara.interleave.schedule.Threads.class.getMethods())
            .map(method -> method.getName() + Type.getMethodDescriptor(method))
            .collect(Collectors.toUnmodifiableSet());

    private Replaced() {}

    /** Returns the class that instrumented code extends or instantiates instead of another one. */
    static String type(String internalName) {
        return TYPES.getOrDefault(internalName, internalName);
    }

    /**
     * Returns the descriptor of the method of {@code Threads} that replaces a method, or null if none does.
     *
     * @param isStatic whether the method has no receiver
     * @param withSite whether the last argument of the replacement is the site of the call
     */
    static @Nullable String method(
            String owner, String name, String descriptor, boolean isStatic, boolean withSite, SharedFields fields) {
        String replaced = OWNERS.contains(owner) ? owner : fields.isA(owner, THREAD) ? THREAD : null;
        if (replaced == null) {
            return null;
        }
        StringBuilder arguments = new StringBuilder("(");
        if (!isStatic) {
            arguments.append('L').append(replaced).append(';');
        }
        arguments.append(descriptor, 1, descriptor.indexOf(')'));
        if (withSite) {
            arguments.append("Ljava/lang/String;");
        }
        String full =
                arguments.append(descriptor.substring(descriptor.indexOf(')'))).toString();
        return METHODS.contains(name + full) ? full : null;
    }
}
