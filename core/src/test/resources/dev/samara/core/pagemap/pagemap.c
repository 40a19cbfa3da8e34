// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
struct page_region_ { uint64_t start, end, categories; };
struct pm_scan_arg_ { uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask, category_anyof_mask, return_mask;
  };
#define PAGEMAP_SCAN_ _IOWR('f', 16, struct pm_scan_arg_)
#define P 4096UL
static int fd;
static uint64_t word(char *a){ uint64_t w=0; pread(fd,&w,8,(uintptr_t)a/P*8); return w & ~((1ULL<<55)-1); }
static long scan(char *a, char *e, uint64_t inv, uint64_t mask, uint64_t any, uint64_t ret, uint64_t vlen, uint64_t max, struct page_region_ *v, uint64_t *wend){
  struct pm_scan_arg_ s;
  memset(&s,0,sizeof s);
  s.size=sizeof s;
  s.start=(uint64_t)a;
  s.end=(uint64_t)e;
  s.vec=(uint64_t)v;
  s.vec_len=vlen;
  s.max_pages=max;
  s.category_inverted=inv;
  s.category_mask=mask;
  s.category_anyof_mask=any;
  s.return_mask=ret;
  long r=ioctl(fd,PAGEMAP_SCAN_,&s); if(r<0) r=-errno; *wend=s.walk_end; return r; }
static void show(const char *name, char *a, int n){
  struct page_region_ v[64]; uint64_t we; 
  for(int i=0;i<n;i++){ 
    long r=scan(a+i*P,a+(i+1)*P,0,0,0,0x1ff,64,0,v,&we);
    printf("%s %d word %llx categories ",name,i,(unsigned long long)word(a+i*P));
    if(r==1) printf("%llx\n",(unsigned long long)v[0].categories); else printf("r%ld\n",r);
  }
}
static void regions(const char*name,char*base,char*a,char*e,uint64_t inv,uint64_t mask,uint64_t any,uint64_t ret,uint64_t vlen,uint64_t max){
  struct page_region_ v[64]; uint64_t we; long r=scan(a,e,inv,mask,any,ret,vlen,max,v,&we);
  printf("scan %s inverted %llx mask %llx anyof %llx return %llx vec %llu max %llu : %ld end %ld",name,(unsigned long long)inv,(unsigned long long)mask,(unsigned long long)any,(unsigned long long)ret,(unsigned long long)vlen,(unsigned long long)max,r,r<0?0L:(long)((char*)we-base)/(long)P);
  for(int i=0;i<r;i++) printf(" %ld-%ld:%llx",(long)((char*)v[i].start-base)/(long)P,(long)((char*)v[i].end-base)/(long)P,(unsigned long long)v[i].categories);
  printf("\n");
}
static void err(const char*name, struct pm_scan_arg_ s){ long r=ioctl(fd,PAGEMAP_SCAN_,&s);
  if(r<0) r=-errno;
  printf("error %s : %ld\n",name,r);
  }
/* Maps pages in a page table of their own. */
static char* resv(int n){ char*p=mmap(0,8<<20,PROT_NONE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE,-1,0);
  char*q=(char*)(((uintptr_t)p+(4<<20)-1)&-(2UL<<20))+(1<<20);
  mmap(p,8<<20,PROT_NONE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE|MAP_FIXED,-1,0);
  munmap(q-(1<<20),2<<20);
  return mmap(q,n*P,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0);}
int main(int c,char**v0){
  setbuf(stdout,NULL);
  fd=open("/proc/self/pagemap",O_RDONLY); 
  volatile char t; 
  char*a=resv(8); madvise(a,8*P,MADV_NOHUGEPAGE);
  show("private-untouched",a,1);
  t=a[0]; a[P]=1; show("private-read-written",a,3);
  a[2*P]=1; madvise(a+2*P,P,MADV_DONTNEED); show("private-discarded",a+2*P,1);
  a[3*P]=1; madvise(a+3*P,2*P,102); show("private-guards",a+3*P,2);
  madvise(a+3*P,P,103); show("private-guard-removed",a+3*P,1);
  mprotect(a+P,P,PROT_NONE); show("private-protected",a+P,1); mprotect(a+P,P,PROT_READ|PROT_WRITE);
  char*s=mmap(0,4*P,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0);
  show("shared-untouched",s,1); t=s[0]; s[P]=1; show("shared-read-written",s,2);
  s[2*P]=1; madvise(s+2*P,P,MADV_DONTNEED); show("shared-discarded",s+2*P,1);
  s[3*P]=1; madvise(s+3*P,P,102); show("shared-guard",s+3*P,1);
  int m=memfd_create("f",0);
  ftruncate(m,4*P);
  char*f=mmap(0,4*P,PROT_READ|PROT_WRITE,MAP_SHARED,m,0);
  char*g=mmap(0,4*P,PROT_READ|PROT_WRITE,MAP_PRIVATE,m,0);
  f[0]=1;
  show("file-shared-written",f,1);
  t=g[0];
  show("file-private-read",g,1);
  show("file-mapped-twice",f,1);
  g[0]=1;
  show("file-private-written",g,1);
  show("file-mapped-once-again",f,1);
  g[2*P]=3; show("file-private-written-first",g+2*P,1); show("file-shared-not-mapped",f+2*P,1);
  ftruncate(m,2*P); show("file-beyond-end",g+2*P,1);
  int pp[2],qq[2]; pipe(pp); pipe(qq); char b;
  char*k=resv(3);
  madvise(k,3*P,MADV_NOHUGEPAGE);
  k[0]=1;
  t=k[P];
  char*ks=mmap(0,P,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0);
  ks[0]=1;
  madvise(k+2*P,P,102);
  fflush(stdout);
  pid_t pid=fork();
  if(!pid){ fd=open("/proc/self/pagemap",O_RDONLY);
  show("forked-child",k,3);
  show("forked-child-shared",ks,1);
  t=ks[0];
  show("forked-child-shared-read",ks,1);
  write(pp[1],"x",1);
  read(qq[0],&b,1);
  k[0]=2;
  show("forked-child-wrote",k,1);
  write(pp[1],"x",1);
  read(qq[0],&b,1);
  _exit(0);}
  read(pp[0],&b,1);
  show("forked-parent",k,3);
  show("forked-parent-shared",ks,1);
  write(qq[1],"x",1);
  read(pp[0],&b,1);
  show("forked-parent-after-copy",k,1);
  write(qq[1],"x",1);
  waitpid(pid,0,0);
  show("forked-parent-alone",ks,1);
  /* regions: 10 pages: 0,1 written, 2 read(zero), 3 untouched, 4 guard, 5 written, [6,7 hole], 8 shared written, 9 shared untouched */
  char*r=resv(10);
  madvise(r,10*P,MADV_NOHUGEPAGE);
  r[0]=1;r[P]=1;t=r[2*P];
  madvise(r+4*P,P,102);
  r[5*P]=1;
  munmap(r+6*P,2*P);
  mmap(r+8*P,2*P,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS|MAP_FIXED,-1,0);
  r[8*P]=1;
  show("regions",r,10);
#define R(...) regions("regions",r,r,r+10*P,__VA_ARGS__)
  R(0,0,0,0x1ff,64,0);
  R(0,8,0,8,64,0);
  R(0,8,0,0x1ff,64,0);
  R(0,8,0,0,64,0);
  R(8,8,0,8,64,0);
  R(8,8,0,0x1ff,64,0);
  R(4,12,0,12,64,0);
  R(0,0,0x104,0x1ff,64,0);
  R(0x20,0x28,0,0x28,64,0);
  R(0,8,0,8,2,0);
  R(0,8,0,8,1,0);
  R(0,8,0,8,64,1);
  R(0,8,0,8,64,2);
  R(0,8,0,8,64,3);
  R(0,8,0,8,64,4);
  R(0,8,0,8,0,0);
  R(0,8,0,8,0,3);
  R(0,8,0,8,1,2);
  R(0,8,0,8,1,3);
  R(0,0,0,0,64,0);
  R(0,0,0,0,64,7);
  R(0x108,0x108,0,0x1ff,64,0);
  R(0,0x100,0,0x100,64,0);
  R(0,1,0,1,64,0);
  R(0,0x80,0,0x80,64,0);
  R(0,2,0,2,64,0);
  R(2,2,0,2,64,0);
  R(0,0x10,0,0x10,64,0);
  R(8,0,8,0xf,64,0);
  regions("inside",r,r+P,r+P+100,0,8,0,8,64,0);
  regions("empty",r,r+P,r+P,0,8,0,8,64,0);
  regions("hole",r,r+6*P,r+8*P,0,0,0,0x1ff,64,0);
  regions("below",r,r+P,r,0,8,0,8,64,0);
  regions("after-full",r,r+P,r+10*P,0,8,0,8,1,1);
  struct page_region_ v[8];
  struct pm_scan_arg_ e;
  memset(&e,0,sizeof e);
  e.size=sizeof e;
  e.start=(uint64_t)r;
  e.end=(uint64_t)(r+P);
  e.vec=(uint64_t)v;
  e.vec_len=8;
  e.return_mask=8;
  e.category_mask=8;
  struct pm_scan_arg_ q;
  q=e;
  err("none",q);
  q=e;
  q.size=8;
  err("size",q);
  q=e;
  q.flags=4;
  err("flags",q);
  q=e;
  q.start++;
  err("unaligned-start",q);
  q=e;
  q.category_mask=0x200;
  err("unknown-mask",q);
  q=e;
  q.category_inverted=0x200;
  err("unknown-inverted",q);
  q=e;q.category_anyof_mask=1ULL<<63;
  err("unknown-anyof",q);
  q=e;q.return_mask=0x200;
  err("unknown-return",q);
  q=e;
  q.end=1ULL<<48;
  err("beyond-limit",q);
  q=e;
  q.start=1ULL<<63;
  q.end=q.start+P;
  err("high-start",q);
  q=e;
  q.end=q.start-P;
  err("end-below-start",q);
  q=e;
  q.vec=0;
  err("no-vector",q);
  q=e;
  q.vec=0;
  q.vec_len=0;
  err("no-vector-no-length",q);
  q=e;
  q.start++;
  q.return_mask=0x200;
  err("unknown-and-unaligned",q);
  q=e;
  q.start++;
  q.end=1ULL<<63;
  err("unaligned-and-beyond",q);
  q=e;
  q.end=1ULL<<63;
  q.vec=0;
  err("beyond-and-no-vector",q);
  q=e;
  q.end=(1ULL<<47)-4096;
  err("to-limit",q);
  q=e;
  q.end=(1ULL<<47)-4095;
  err("one-beyond",q);
  q=e;
  q.vec=(uint64_t)v+1;
  err("unaligned-vector",q);
  q=e;
  q.flags=1;
  err("wp-matching",q);
  q=e;
  q.flags=2;
  err("check-wpasync",q);
  q=e;
  q.vec_len=0;
  err("vector-without-length",q);
  q=e;
  q.start=0;
  q.end=-1ULL;
  err("all",q);
  q=e;
  q.start=(1ULL<<47)-4096;
  q.end=q.start;
  err("empty-at-limit",q);
  q=e;
  q.start=1ULL<<48;
  q.end=q.start;
  err("empty-beyond",q);
  return 0; }
