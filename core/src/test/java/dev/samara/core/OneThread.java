// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Runs the constructor of a test, its methods before and after, and the test itself in one thread, which no other test
 * uses.
 *
 * <p>For tests whose fields own a CPU. Limits of time give each method a thread of its own, and a CPU is used by the
 * thread that has claimed it. The thread of the limit waits here, for as long as it is not interrupted.
 */
public final class OneThread implements InvocationInterceptor {
    private static final Namespace NAMESPACE = Namespace.create(OneThread.class);

    /** A thread that ends with its test, or, if the test hangs, with the virtual machine. */
    private static final class Owner implements ThreadFactory, AutoCloseable {
        private final String name;
        private final ExecutorService thread = Executors.newSingleThreadExecutor(this);

        Owner(String name) {
            this.name = name;
        }

        @Override
        public Thread newThread(Runnable work) {
            Thread made = new Thread(work, name);
            made.setDaemon(true);
            return made;
        }

        <T extends @Nullable Object> T run(Callable<T> what) throws Throwable {
            try {
                return thread.submit(what).get();
            } catch (ExecutionException failed) {
                throw failed.getCause() == null ? failed : failed.getCause();
            }
        }

        @Override
        public void close() {
            thread.shutdownNow();
        }
    }

    @Override
    public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext root) {
        return ExtensionContextScope.TEST_METHOD;
    }

    private static <T extends @Nullable Object> T run(Invocation<T> invocation, ExtensionContext of) throws Throwable {
        Owner owner = of.getStore(NAMESPACE)
                .computeIfAbsent(
                        "owner",
                        any -> new Owner(of.getRequiredTestClass().getSimpleName() + "."
                                + of.getRequiredTestMethod().getName()),
                        Owner.class);
        return owner.run(() -> {
            try {
                return invocation.proceed();
            } catch (Exception | Error thrown) {
                throw thrown;
            } catch (Throwable thrown) {
                throw new AssertionError(thrown);
            }
        });
    }

    @Override
    public <T> T interceptTestClassConstructor(
            Invocation<T> invocation, ReflectiveInvocationContext<Constructor<T>> called, ExtensionContext context)
            throws Throwable {
        return run(invocation, context);
    }

    @Override
    public void interceptBeforeEachMethod(
            Invocation<@Nullable Void> invocation, ReflectiveInvocationContext<Method> called, ExtensionContext context)
            throws Throwable {
        run(invocation, context);
    }

    @Override
    public void interceptTestMethod(
            Invocation<@Nullable Void> invocation, ReflectiveInvocationContext<Method> called, ExtensionContext context)
            throws Throwable {
        run(invocation, context);
    }

    @Override
    public void interceptTestTemplateMethod(
            Invocation<@Nullable Void> invocation, ReflectiveInvocationContext<Method> called, ExtensionContext context)
            throws Throwable {
        run(invocation, context);
    }

    @Override
    public void interceptAfterEachMethod(
            Invocation<@Nullable Void> invocation, ReflectiveInvocationContext<Method> called, ExtensionContext context)
            throws Throwable {
        run(invocation, context);
    }
}
