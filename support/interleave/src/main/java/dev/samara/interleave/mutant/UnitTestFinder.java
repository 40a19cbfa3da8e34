// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** Runs unit tests with the mutated classes: {@code test CLASS[#METHOD]}, with the simple name of the class. */
public final class UnitTestFinder implements Finder {
    @Override
    public String kind() {
        return "test";
    }

    @Override
    public @Nullable String find(Mutant mutant, String arguments, Path folder) throws Exception {
        String[] named = arguments.split("#", 2);
        String test = TestClasses.named(named[0]).getName();
        TestExecutionSummary unchanged = run(new MutantClassLoader(List.of()), test, named);
        if (unchanged.getTestsSucceededCount() == 0 || unchanged.getTotalFailureCount() > 0) {
            throw new IllegalStateException("without the mutant: " + unchanged.getTestsSucceededCount() + " passed, "
                    + unchanged.getTotalFailureCount() + " failed");
        }
        TestExecutionSummary broken = run(new MutantClassLoader(List.of(mutant)), test, named);
        return broken.getTotalFailureCount() == 0
                ? null
                : broken.getFailures().get(0).getException().toString();
    }

    private static TestExecutionSummary run(MutantClassLoader loader, String test, String[] named)
            throws ClassNotFoundException {
        SummaryGeneratingListener summary = new SummaryGeneratingListener();
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(loader);
        try {
            LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(selector(loader.loadClass(test), named))
                    .build();
            LauncherFactory.create().execute(request, summary);
        } finally {
            thread.setContextClassLoader(before);
        }
        return summary.getSummary();
    }

    private static DiscoverySelector selector(Class<?> type, String[] named) {
        if (named.length == 1) {
            return selectClass(type);
        }
        Method method = Arrays.stream(type.getDeclaredMethods())
                .filter(each -> each.getName().equals(named[1]))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(named[0] + " has no method " + named[1]));
        return selectMethod(type, method);
    }
}
