// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.abi;

import java.util.HashMap;
import java.util.Map;

/** The names of system calls by their numbers, for people. */
public final class CallNames {
    private static final String ALL = "17 getcwd 19 eventfd2 23 dup 24 dup3 25 fcntl 29 ioctl 32 flock 34 mkdirat"
            + " 20 epoll_create1 33 mknodat 35 unlinkat 36 symlinkat 37 linkat 43 statfs 44 fstatfs 45 truncate"
            + " 46 ftruncate 47 fallocate"
            + " 48 faccessat 49 chdir 50 fchdir 52 fchmod 53 fchmodat 54 fchownat 55 fchown 56 openat 57 close"
            + " 59 pipe2 61 getdents64 62 lseek 63 read 64 write 65 readv 66 writev 67 pread64 68 pwrite64"
            + " 69 preadv 70 pwritev 71 sendfile 72 pselect6 73 ppoll 78 readlinkat 79 newfstatat 80 fstat 81 sync"
            + " 82 fsync 83 fdatasync 88 utimensat 93 exit 94 exit_group 95 waitid 96 set_tid_address 98 futex"
            + " 99 set_robust_list 100 get_robust_list 101 nanosleep 102 getitimer 103 setitimer"
            + " 113 clock_gettime 114 clock_getres 115 clock_nanosleep 122 sched_setaffinity"
            + " 123 sched_getaffinity 124 sched_yield 129 kill 130 tkill 131 tgkill 132 sigaltstack"
            + " 133 rt_sigsuspend 134 rt_sigaction 135 rt_sigprocmask 136 rt_sigpending 137 rt_sigtimedwait"
            + " 138 rt_sigqueueinfo 139 rt_sigreturn 143 setregid 144 setgid 145 setreuid 146 setuid 147 setresuid"
            + " 148 getresuid 149 setresgid 150 getresgid 153 times 154 setpgid 155 getpgid 156 getsid 157 setsid"
            + " 158 getgroups 160 uname 163 getrlimit 164 setrlimit 165 getrusage 166 umask 167 prctl 168 getcpu"
            + " 169 gettimeofday 172 getpid 173 getppid 174 getuid 175 geteuid 176 getgid 177 getegid 178 gettid"
            + " 179 sysinfo 194 shmget 195 shmctl 196 shmat 197 shmdt 198 socket 214 brk 215 munmap 216 mremap"
            + " 220 clone"
            + " 221 execve 222 mmap 223 fadvise64 226 mprotect 227 msync 228 mlock 229 munlock 230 mlockall"
            + " 231 munlockall 232 mincore 233 madvise 240 rt_tgsigqueueinfo 258 riscv_hwprobe"
            + " 259 riscv_flush_icache 260 wait4 261 prlimit64 270 process_vm_readv 271 process_vm_writev"
            + " 276 renameat2 278 getrandom 279 memfd_create 281 execveat 283 membarrier 284 mlock2 291 statx"
            + " 293 rseq 435 clone3 436 close_range 439 faccessat2 462 mseal";

    private static final Map<Integer, String> NAMES = new HashMap<>();

    static {
        String[] words = ALL.split(" ");
        for (int i = 0; i < words.length; i += 2) {
            NAMES.put(Integer.valueOf(words[i]), words[i + 1]);
        }
    }

    private CallNames() {}

    public static String of(int number) {
        return NAMES.getOrDefault(number, "call " + number);
    }
}
